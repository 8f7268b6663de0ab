return function kernel(state, batch, rows, slots, from, to, end, results) {
  const cells = state.table.first;
  const column2 = batch.columns[2];
  const values2 = column2.values;
  const column3 = batch.columns[3];
  const nulls3 = column3.nulls;
  const values3 = column3.values;
  const column4 = batch.columns[4];
  const values4 = column4.values;
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
  for (let i = from; i < to; i += 1) {
    const row = rows[i];
    const slot = slots[i];
    const base = slot * 12;
    const existed = cells[base + 2] > 0;
    cells[base + 2] += 1;
    {
      const value = values2[row];
      const before = cells[base + 4];
      const after = before + value;
      const part = after - before;
      cells[base + 4] = after;
      cells[base + 5] += before - (after - part) + (value - part);
    }
    if (!(nulls3[row] === 1)) {
      {
        const value = values3[row];
        const sum = cells[base + 7] + value;
        if (sum >= (-9007199254740991) && sum <= 9007199254740991) cells[base + 7] = sum;
        else spill(cells, base + 7, value);
      }
    } else {
      cells[base + 6] += 1;
    }
    {
      const value = values4[row];
      const before = cells[base + 10];
      const after = before + value;
      const part = after - before;
      cells[base + 10] = after;
      cells[base + 11] += before - (after - part) + (value - part);
    }
    {
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
        {
          const value = (cells[base + 4] + cells[base + 5]) / count;
          result3[at] = value;
          if (!(value >= (-1.7976931348623157e+308) && value <= 1.7976931348623157e+308)) failed = 2;
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
        {
          const value = cells[base + 10] + cells[base + 11];
          result5[at] = value;
          if (!(value >= (-1.7976931348623157e+308) && value <= 1.7976931348623157e+308)) failed = 4;
        }
      }
      origins[at] = row;
      opsOut[at] = existed ? 2 : 0;
      if (failed !== 0) results.fail(at, row, messages[failed - 1], true);
      at += 1;
    }
    if (widened) {
      results.rowCount = at;
      return i + 1;
    }
  }
  results.rowCount = at;
  return to;
}
