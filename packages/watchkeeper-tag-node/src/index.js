"use strict";
// Tags, a journal of writes and a guard for what an application sends over `pg`.

const { install } = require("./pg.js");
const { NestedWriteError } = require("./guard.js");
const { Tagging } = require("./tagging.js");

exports.install = install;
exports.Tagging = Tagging;
exports.NestedWriteError = NestedWriteError;
