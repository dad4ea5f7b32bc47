'use strict';
/*
 * What guard.js adds to NNI 3.0's manager so that an experiment outlives what ends its parts.
 *
 * 1. A trial that was killed, or failed for a reason that may pass, is started again as the same trial.
 * 2. A resumed experiment starts every trial again that has no result, under its own id, and nothing twice.
 * 3. A manager whose run_experiment.py was killed stops itself.
 */
const fs = require('fs');
const os = require('os');
const path = require('path');

const PAUSE_MS = Number(process.env.IMBSEG_PAUSE_MS || 5000); // before a trial is started again: a full disk or memory may be free by then
const LOOK_MS = 1000;
const NEVER = 2; // exit status of a trial that can't use what it was given

function say(words) {
    console.log(`imbseg guard: ${words}`);
}

/** Keep what an earlier start of a trial wrote: NNI opens these files anew. */
function setAside(folder, number) {
    for (const name of ['trial.stdout', 'trial.stderr']) {
        fs.renameSync(path.join(folder, name), path.join(folder, `${name}.${number}`));
    }
}

/** Forget what starts before a resume wrote. */
function forgetStarts(folder) {
    for (const name of fs.readdirSync(folder).filter((one) => /^trial\.std(out|err)\.\d+$/.test(one))) {
        fs.rmSync(path.join(folder, name), { force: true });
    }
}

/**
 * Start a trial again, up to `retries` times, unless it ended well, can't end well, or was stopped on purpose.
 *
 * A trial that a signal ended has the status FAILED then; USER_CANCELED are those that NNI was told to stop.
 *
 * @param again called with the id before each further start.
 */
function startAgain(TrialProcess, retries, again) {
    const proto = TrialProcess.prototype;
    const { spawn, kill, resolveStop } = proto;
    proto.spawn = function (options) {
        this.imbseg = { options, left: retries, starts: 1, waits: null, stopping: null, closing: 0 };
        forgetStarts(options.outputDirectory);
        return spawn.call(this, options);
    };
    proto.kill = function (timeout) {
        const own = this.imbseg;
        if (own.waits) { // it has ended, and isn't started again
            clearTimeout(own.waits.timer);
            resolveStop.call(this, 'exit', null, 'SIGINT');
        }
        own.stopping = own.stopping || kill.call(this, timeout);
        return own.stopping;
    };
    proto.resolveStop = function (event, code, signal, timestamp) {
        const own = this.imbseg;
        if (event === 'close' && own.closing > 0) { // of a process that has been replaced
            own.closing -= 1;
            return;
        }
        const stopped = own.stopping !== null;
        const told = code === null && signal && !stopped ? 128 + os.constants.signals[signal] : code;
        if (event !== 'exit' || stopped || own.left === 0 || told === 0 || told === NEVER) {
            resolveStop.call(this, event, told, signal, timestamp);
            return;
        }
        own.left -= 1;
        own.closing += 1;
        say(`trial ${this.id} ended with ${signal || `exit status ${code}`} and is started again`);
        own.waits = { timer: setTimeout(() => restart(this).catch((error) => {
            say(`trial ${this.id} could not be started again: ${error}`);
            resolveStop.call(this, 'exit', told, signal);
        }), PAUSE_MS) };
    };
    async function restart(trial) {
        const own = trial.imbseg;
        own.waits = null;
        setAside(own.options.outputDirectory, own.starts);
        own.starts += 1;
        again(trial.id);
        await spawn.call(trial, own.options);
        if (own.stopping) { // told while it started
            trial.proc.kill('SIGINT');
        }
    }
}

/** Whether a resumed experiment owes this trial a result: neither one nor somebody's wish to have none. */
function isOwed(job) {
    const given = job.hyperParameters && job.hyperParameters.length > 0 && job.sequenceId !== undefined && job.sequenceId !== null;
    const hasEnded = ['USER_CANCELED', 'EARLY_STOPPED'].includes(job.status);
    return given && !hasEnded && !(job.status === 'SUCCEEDED' && job.finalMetricData);
}

/**
 * Have a resumed experiment go on with every trial that has no result: NNI takes only those that ran or waited, and of
 * several that a first resume took not those that had not had their turn. Numbers go on after the highest, and the grid
 * leaves out what is listed.
 */
function resumeAll(NNIManager) {
    const proto = NNIManager.prototype;
    const { addRecoveredTrialJob, resumeExperiment, stopExperimentBottomHalf } = proto;
    proto.addRecoveredTrialJob = function (jobs) {
        const owed = jobs.map((job) => (isOwed(job) ? { ...job, status: 'WAITING' } : job));
        const number = addRecoveredTrialJob.call(this, owed);
        this.experimentProfile.nextSequenceId = 1 + Math.max(-1, ...jobs.map((job) => job.sequenceId ?? -1));
        const kept = jobs.filter((job) => job.hyperParameters && job.hyperParameters.length > 0);
        this.imbsegListed = kept.map((job) => JSON.parse(job.hyperParameters[0]).parameters);
        return number;
    };
    proto.resumeExperiment = async function (readonly) {
        await resumeExperiment.call(this, readonly);
        const tuner = this.config.tuner && this.config.tuner.name;
        if (!readonly && String(tuner).toLowerCase() === 'gridsearch') {
            this.trialDataForTuner = JSON.stringify(this.imbsegListed.map((parameter) => ({ parameter, value: 0 })));
        }
    };
    // NNI waits for one trial after another, up to 5 s each.
    proto.stopExperimentBottomHalf = async function () {
        const { trialJobs = {} } = this.trainingService;
        const running = Object.values(trialJobs).filter((one) => ['RUNNING', 'WAITING'].includes(one.status));
        await Promise.all(running.map((one) => this.trainingService.cancelTrialJob(one.id)));
        return stopExperimentBottomHalf.call(this);
    };
}

/** When a process was started, in ticks since the machine was; null where it is gone. */
function startOf(pid) {
    try {
        const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop().split(' ');
        return stat[0] === 'Z' ? null : stat[19];
    } catch (_) {
        return null;
    }
}

/**
 * Stop the manager once the process is gone that started it.
 *
 * @param file holds that process's number; where the file is gone it has left the experiment open on purpose.
 */
function followOwner(file) {
    const pid = fs.readFileSync(file, 'utf8').trim();
    const start = startOf(pid);
    const timer = setInterval(() => {
        if (!fs.existsSync(file)) {
            clearInterval(timer);
        } else if (start === null || startOf(pid) !== start) {
            clearInterval(timer);
            fs.rmSync(file, { force: true });
            say(`process ${pid}, which started this experiment, is gone: the experiment is stopped`);
            process.kill(process.pid, 'SIGTERM');
        }
    }, LOOK_MS);
    timer.unref();
}

module.exports = { startAgain, resumeAll, followOwner };
