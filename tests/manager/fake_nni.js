'use strict';
/* The part of NNI 3.0's V3asV1 that matters here: the queue of parameters, and the path of resumed trials. */
class V3asV1 {
    startDeferred = { promise: Promise.resolve() };
    trialJobs = {};
    parameters = [];
    allocatedParameters = new Map();
    environments = [];
    refusals = 0;
    exitCode = null;
    v3 = {
        made: 0,
        createTrial: async (envId, command, folder, sequence, id) => {
            if (this.refusals > 0) {
                this.refusals -= 1;
                if (this.throws) { throw new Error('no such folder'); }
                return null;
            }
            return id ?? `queue${this.v3.made++}`;
        },
    };
    async submitTrialJob(form) {
        let id = null;
        if (form.id && form.envId) {
            try { id = await this.v3.createTrial(form.envId, 'run', 'code', form.sequenceId, form.id); } catch (_) { }
        }
        if (id === null) {
            this.parameters.push(form.hyperParameters.value);
            id = await this.v3.createTrial(this.schedule(), 'run', 'code', form.sequenceId);
        } else {
            this.allocatedParameters.set(id, form.hyperParameters.value);
        }
        this.trialJobs[id] = { id, envId: form.envId, form };
        return this.trialJobs[id];
    }
    /* NNI's: the end is told while it waits, and `isEarlyStopped` is set afterwards. */
    async cancelTrialJob(id, isEarlyStopped) {
        const trial = this.trialJobs[id];
        await Promise.resolve();
        const stopped = trial.isEarlyStopped ? 'EARLY_STOPPED' : 'USER_CANCELED';
        trial.status = this.exitCode === 0 ? 'SUCCEEDED' : this.exitCode === null ? stopped : 'FAILED';
        trial.isEarlyStopped = Boolean(isEarlyStopped);
    }
    schedule() {
        return this.environments.length === 0 ? null : this.environments[0].id;
    }
    request(id) {
        if (!this.allocatedParameters.has(id)) { return this.parameters.shift(); }
        return this.allocatedParameters.get(id);
    }
}
exports.V3asV1 = V3asV1;
