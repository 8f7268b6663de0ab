#!/usr/bin/env node
// The executable: everything it does is in the bundle of dist/cli/main.js.
import '../dist/start/command.js';
