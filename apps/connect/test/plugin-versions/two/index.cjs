'use strict';
module.exports = require('../versioned.cjs')('1.5.0');
