"use strict";
// Tasks told apart by the smallest free number, so that tags repeat and statements stay prepared.

const { AsyncLocalStorage } = require("node:async_hooks");
const channels = require("node:diagnostics_channel");

/** A slot belongs to one task while that runs and holds no transaction. Outside of all tasks it is 0: nobody knows. */
class Slots {
  constructor(isBusy) {
    this.isBusy = isBusy; // (slot) => whether somebody's transaction is still open in it
    this.storage = new AsyncLocalStorage();
    this.free = [];
    this.left = [];
    this.next = 1;
  }

  current() {
    return this.storage.getStore()?.slot ?? 0;
  }

  run(work) {
    const task = { slot: this.take() };
    let isOver = false;
    const end = () => {
      if (!isOver) this.left.push(task.slot);
      isOver = true;
    };
    try {
      const made = this.storage.run(task, work);
      if (typeof made?.then === "function") made.then(end, end);
      else end();
      return made;
    } catch (error) {
      end();
      throw error;
    }
  }

  /** From now on each request of an HTTP server of this process is a task. */
  followRequests() {
    channels.channel("http.server.request.start").subscribe(({ response }) => {
      const task = { slot: this.take() };
      this.storage.enterWith(task);
      response.once("close", () => this.left.push(task.slot));
    });
  }

  take() {
    const busy = this.left.filter((slot) => this.isBusy(slot));
    this.free.push(...this.left.filter((slot) => !busy.includes(slot)));
    this.free.sort((one, other) => one - other);
    this.left = busy;
    return this.free.shift() ?? this.next++;
  }
}

exports.Slots = Slots;
