'use strict';
return function kernel(rowCount, selection, selectedCount, failed, inputs, outputs, passing, failAt, dynamicFailures, noNulls, report) {
  const i = inputs[0].values;
  const out_0_f64 = outputs[0].f64;
  const out_1_f64 = outputs[1].f64;
  let passed = 0;
  let failures = 0;
  rows: for (let row = 0; row < rowCount; row += 1) {
    const i_value = i[row];
    const word = i_value | 0;
    const cast_value = (150 + (word === i_value ? (word % 100) | 0 : remainder(i_value, 100)));
    if (!(cast_value > 100)) continue rows;
    const word_2 = i_value | 0;
    out_0_f64[row] = (word_2 === i_value ? (word_2 % 1000) | 0 : remainder(i_value, 1000));
    out_1_f64[row] = cast_value;
    passing[passed] = row;
    passed += 1;
  }
  report[0] = failures;
  return passed;
}

//# sourceURL=velo-calc-test.js
