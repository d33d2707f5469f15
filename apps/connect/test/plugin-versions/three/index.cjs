'use strict';
module.exports = require('../versioned.cjs')('2.0.0');
