return function kernel(state, batch, rows, slots, from, to, end, results) {
  const cells = state.table.first;
  const result0 = results.columns[0].codes;
  const result1 = results.columns[1].codes;
  const result2 = results.columns[2].values;
  const result3 = results.columns[3].values;
  const result4 = results.columns[4].values;
  const result5 = results.columns[5].values;
  const origins = results.origins;
  const opsOut = results.ops;
  let at = results.rowCount;
  let widened = false;
  const row = results.origin;
  for (let slot = from; slot < to; slot += 1) {
    const base = slot * 12;
    if (cells[base + 2] < 0) continue;
    if (at === 4096) {
      results.rowCount = at;
      return slot;
    }
    let failed = 0;
    {
      const cell = cells[base + 0];
      if (cell === Infinity) {
        results.setNull(0, at);
      } else {
        result0[at] = cell;
      }
    }
    {
      const cell = cells[base + 1];
      if (cell === Infinity) {
        results.setNull(1, at);
      } else {
        result1[at] = cell;
      }
    }
    {
      const count = cells[base + 2];
      result2[at] = count;
    }
    {
      const count = cells[base + 2] - cells[base + 3];
      if (count === 0) {
        results.setNull(3, at);
      } else {
        {
          const value = (cells[base + 4] + cells[base + 5]) / count;
          result3[at] = value;
          if (!(value >= (-1.7976931348623157e+308) && value <= 1.7976931348623157e+308)) failed = 2;
        }
      }
    }
    {
      const count = cells[base + 2] - cells[base + 6];
      if (count === 0) {
        results.setNull(4, at);
      } else {
        {
          if (cells[base + 8] === 0) {
            result4[at] = cells[base + 7];
          } else {
            results.rowCount = at;
            const outcome = sum2(results, 4, at, cells, base + 7, count);
            if (outcome === 1) widened = true;
            else if (outcome === 2) failed = 3;
          }
        }
      }
    }
    {
      const count = cells[base + 2] - cells[base + 9];
      if (count === 0) {
        results.setNull(5, at);
      } else {
        {
          const value = cells[base + 10] + cells[base + 11];
          result5[at] = value;
          if (!(value >= (-1.7976931348623157e+308) && value <= 1.7976931348623157e+308)) failed = 4;
        }
      }
    }
    origins[at] = row;
    opsOut[at] = results.op;
    if (failed !== 0) results.fail(at, row, messages[failed - 1], results.reports(slot));
    at += 1;
    if (widened) {
      results.rowCount = at;
      return slot + 1;
    }
  }
  results.rowCount = at;
  return to;
}
