'use strict';
return function kernel(rowCount, selection, selectedCount, failed, inputs, outputs, passing, failAt, dynamicFailures, noNulls, report) {
  const i = inputs[0].values;
  const memo_states = memo.statesOfNumbers();
  const memo_length = memo_states.length;
  const out_0_codes = outputs[0].codes;
  const memo_2_states = memo_2.statesOfNumbers();
  const memo_2_length = memo_2_states.length;
  const out_1_codes = outputs[1].codes;
  const out_2_f64 = outputs[2].f64;
  const out_3_f64 = outputs[3].f64;
  const out_4_f64 = outputs[4].f64;
  let passed = 0;
  let failures = 0;
  rows: for (let row = 0; row < rowCount; row += 1) {
    const i_value = i[row];
    const word = i_value | 0;
    const key = (word === i_value ? (word % 20) | 0 : remainder(i_value, 20));
    let state = (key >>> 0) < memo_length ? memo_states[key] : (-1);
    if (state < 0) {
      if (state === (-1)) {
        state = memo.missNumber(key);
        if (memo.exhausted) return (-1);
      }
      if (state === (-3)) {
        dynamicFailures.set(row, memo.failure);
        failAt[row] = 1;
        failures += 1;
        continue rows;
      }
    }
    out_0_codes[row] = state;
    const word_2 = i_value | 0;
    const key_2 = (word_2 === i_value ? (word_2 % 10) | 0 : remainder(i_value, 10));
    let state_2 = (key_2 >>> 0) < memo_2_length ? memo_2_states[key_2] : (-1);
    if (state_2 < 0) {
      if (state_2 === (-1)) {
        state_2 = memo_2.missNumber(key_2);
        if (memo_2.exhausted) return (-1);
      }
      if (state_2 === (-3)) {
        dynamicFailures.set(row, memo_2.failure);
        failAt[row] = 1;
        failures += 1;
        continue rows;
      }
    }
    out_1_codes[row] = state_2;
    const word_3 = i_value | 0;
    const cast_value = (100 + (word_3 === i_value ? (word_3 % 50) | 0 : remainder(i_value, 50)));
    out_2_f64[row] = cast_value;
    const word_4 = i_value | 0;
    const sum = (100 + (word_4 === i_value ? (word_4 % 1000) | 0 : remainder(i_value, 1000)));
    out_3_f64[row] = sum;
    out_4_f64[row] = (cast_value * sum);
  }
  report[0] = failures;
  return passed;
}

//# sourceURL=velo-calc-test.js
