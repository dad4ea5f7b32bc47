'use strict';
/*
 * Loaded into NNI's manager by NODE_OPTIONS="--require <this file>"; no file of NNI is edited. Made for NNI 3.0.
 *
 * 1. The manager listens on 127.0.0.1 only: it has no password, and whoever reaches its port can run commands.
 * 2. Sampled parameters belong to a trial. NNI 3.0 keeps them in a queue and hands them out in the order in which
 *    trials ask, so that it lists (and its tuner learns) other parameters than those that ran as soon as two trials
 *    run at once or one dies early. A form that carries a trial id takes the path that NNI has for resumed trials,
 *    where parameters are stored under that id; so every form gets one here.
 * 3. A trial that the assessor stops is EARLY_STOPPED. NNI 3.0 notes that it stopped it only after the trial has ended,
 *    and calls it USER_CANCELED, or FAILED where the trial ended by itself with an exit status.
 * 4. A tuner has a minute to connect, not 10 s: importing one takes longer on a busy machine.
 * 5. What .nniignore leaves out isn't uploaded to other machines. NNI 3.0 lists files and folders without it, and then
 *    packs each listed folder whole: all of data/ goes along, and files of src/ several times.
 * 6. What lasting.js adds: retries, a resume that loses and repeats nothing, an end with run_experiment.py.
 */
const fs = require('fs');
const Module = require('module');
const net = require('net');
const path = require('path');
const { setTimeout: sleep } = require('timers/promises');
const lasting = require('./lasting');

const MADE_FOR = '3.0';
const LOOPBACK = '127.0.0.1';
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const PAUSE_MS = 1000;
const TUNER_MS = 60000;
const RETRIES = Number(process.env.IMBSEG_RETRIES || 0);

function refuse(reason) {
    console.error(`imbseg guard: ${reason}; this guard is made for NNI ${MADE_FOR}: install nni==${MADE_FOR}`);
    process.exit(1);
}

/** Arguments of net.Server.listen with the loopback address where a port comes without a host. */
function loopbackArguments(args) {
    const [first, second, ...rest] = args;
    if (first === undefined || first === null || typeof first === 'function') {
        return [0, LOOPBACK, ...args.filter((value) => typeof value === 'function')];
    }
    if (typeof first === 'object') {
        const bare = first.port !== undefined && !first.host && first.path === undefined;
        return bare ? [{ ...first, host: LOOPBACK }, ...args.slice(1)] : args;
    }
    const isPort = typeof first === 'number' || /^\d+$/.test(first);
    if (!isPort || (typeof second === 'string' && second !== '')) {
        return args;
    }
    // ws passes (port, undefined, undefined, callback); express passes (port).
    const isHostSlot = args.length > 1 && (second === undefined || second === null || second === '');
    return isHostSlot ? [first, LOOPBACK, ...rest] : [first, LOOPBACK, ...args.slice(1)];
}

function listenOnLoopback() {
    const listen = net.Server.prototype.listen;
    net.Server.prototype.listen = function (...args) {
        return listen.apply(this, loopbackArguments(args));
    };
}

/** A trial id in NNI's own format (5 letters or digits) that this manager has not used. */
function freshId(used) {
    for (;;) {
        const id = Array.from({ length: 5 }, () => LETTERS[Math.floor(Math.random() * LETTERS.length)]).join('');
        if (used[id] === undefined) {
            return id;
        }
    }
}

/** createTrial that waits while the GPUs are busy: given null, NNI would fall back on the queue and on a new id. */
function patiently(createTrial) {
    return async function (environment, command, folder, sequence, id) {
        for (;;) {
            try {
                const created = await createTrial(environment, command, folder, sequence, id);
                if (created !== null || id === undefined) {
                    return created;
                }
            } catch (error) {
                console.error(`imbseg guard: trial ${id} could not be created, trying again:`, error);
            }
            await sleep(PAUSE_MS);
        }
    };
}

let service = null; // the V3asV1 of this manager

/** A trial that is started again asks for its parameters once more; NNI forgets them once they are handed out. */
function parametersAgain(id) {
    service.allocatedParameters.set(id, service.trialJobs[id].form.hyperParameters.value);
}

function ownParameters(V3asV1) {
    const submit = V3asV1.prototype.submitTrialJob;
    V3asV1.prototype.submitTrialJob = async function (form) {
        service = this;
        await this.startDeferred.promise;
        if (!this.imbsegPatient) {
            this.imbsegPatient = true;
            this.v3.createTrial = patiently(this.v3.createTrial.bind(this.v3));
        }
        let envId = form.envId || this.schedule();
        while (envId === null) {
            await sleep(PAUSE_MS);
            envId = this.schedule();
        }
        return submit.call(this, { ...form, id: form.id || freshId(this.trialJobs), envId });
    };
}

/** A trial whose status says that it was stopped early, however it ends; one that ends well before that has ended well. */
function stoppedEarly(trial) {
    let status = trial.status;
    Object.defineProperty(trial, 'status', {
        configurable: true,
        enumerable: true,
        get: () => status,
        set: (value) => {
            status = ['FAILED', 'USER_CANCELED'].includes(value) ? 'EARLY_STOPPED' : value;
        },
    });
}

function tellEarlyStops(V3asV1) {
    const cancel = V3asV1.prototype.cancelTrialJob;
    V3asV1.prototype.cancelTrialJob = async function (id, isEarlyStopped) {
        if (isEarlyStopped && this.trialJobs[id]) {
            stoppedEarly(this.trialJobs[id]);
        }
        return cancel.call(this, id, isEarlyStopped);
    };
}

function waitForTuner(TunerServer) {
    TunerServer.prototype.init = function () {
        if (!this.connect.settled) {
            const late = new Error(`Tuner did not connect in ${TUNER_MS / 1000} seconds. Please check tuner (dispatcher) log.`);
            setTimeout(() => this.connect.settled || this.connect.reject(late), TUNER_MS).unref();
        }
        return this.connect.settled ? Promise.resolve() : this.connect.promise;
    };
}

/** What is changed in NNI: a module as it is asked for, its class, the methods that must be there, and the change. */
const CHANGES = [
    [/(v3[\\/]|^\.[\\/])compat(\.js)?$/, 'V3asV1', ['submitTrialJob', 'schedule', 'cancelTrialJob'],
        (found) => { ownParameters(found); tellEarlyStops(found); }],
    [/^\.[\\/]process(\.js)?$/, 'TrialProcess', ['spawn', 'kill', 'resolveStop'],
        (found) => lasting.startAgain(found, RETRIES, parametersAgain)],
    [/(core[\\/]|^\.[\\/])nnimanager(\.js)?$/, 'NNIManager',
        ['addRecoveredTrialJob', 'resumeExperiment', 'stopExperimentBottomHalf'], lasting.resumeAll],
    [/(core[\\/]|^\.[\\/])tuner_command_channel(\.js)?$/, 'TunerServer', ['init'], waitForTuner],
];

/** A class that a module exports; NNI's TunerServer by the one that there is. */
function classOf(loaded, name) {
    return name === 'TunerServer' && loaded.getTunerServer ? loaded.getTunerServer().constructor : loaded[name];
}

/** Archives hold the files and folders that they are given, and nothing else that lies in these folders. */
function packNoFolderWhole(tar) {
    const { create } = tar;
    tar.create = (options, ...rest) => create({ ...options, noDirRecurse: true }, ...rest);
}

function guardClassesWhenLoaded() {
    const load = Module._load;
    const done = new Set();
    Module._load = function (request, parent, ...rest) {
        const loaded = load.call(this, request, parent, ...rest);
        // Packages of others have modules of such names, too.
        const own = !/node_modules/.test(parent && parent.filename);
        if (own && request === 'tar' && !done.has(request)) {
            done.add(request);
            packNoFolderWhole(loaded);
        }
        const change = CHANGES.find(([module]) => module.test(request));
        if (change && !done.has(change) && own) {
            const [, name, methods, apply] = change;
            const found = classOf(loaded, name);
            if (!found || !methods.every((method) => found.prototype[method])) {
                refuse(`${request} has no class ${name} with ${methods.join(', ')}`);
            }
            done.add(change);
            apply(found);
        }
        return loaded;
    };
}

function arm(main) {
    const { version } = JSON.parse(fs.readFileSync(path.join(path.dirname(main), 'package.json'), 'utf8'));
    if (!`${version}.`.startsWith(`${MADE_FOR}.`)) {
        refuse(`found NNI ${version}`);
    }
    listenOnLoopback();
    guardClassesWhenLoaded();
    // Trials and the tuner inherit the manager's environment; what they start with Node is none of our business.
    delete process.env.NODE_OPTIONS;
    if (process.env.IMBSEG_NODE_OPTIONS) {
        process.env.NODE_OPTIONS = process.env.IMBSEG_NODE_OPTIONS;
    }
    delete process.env.IMBSEG_NODE_OPTIONS;
    if (process.env.IMBSEG_OWNER) {
        lasting.followOwner(process.env.IMBSEG_OWNER);
    }
    delete process.env.IMBSEG_OWNER;
    console.log(`imbseg guard: NNI ${version} listens on ${LOOPBACK} only, parameters belong to their trials`);
}

const main = process.argv[1] || '';
if (/nni_node[\\/]main\.js$/.test(main)) {
    arm(main);
}

module.exports = { loopbackArguments };
