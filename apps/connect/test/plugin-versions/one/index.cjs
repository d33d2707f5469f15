'use strict';
module.exports = require('../versioned.cjs')('1.0.0');
