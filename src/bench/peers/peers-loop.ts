/**
 * The plain row-at-a-time JavaScript loop that people write: an object per record, a Map by a
 * joined key, JSON.parse per line. A peer for bench:peers; deliberately not clever.
 */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { PeerContext } from './peer-lanes.js';

interface Order {
  order_id: number;
  customer_id: number;
  order_date: string;
  total_amount: number;
}
interface Trade {
  trader_id: string;
  symbol: string;
  price: number;
  quantity: number;
  trade_time: number;
}
interface Group {
  trader_id: string;
  symbol: string;
  count: number;
  price: number;
  quantity: number;
  value: number;
}

/** Processes every record of the work and checks that it saw them all. */
export async function loopPeer(context: PeerContext, faults: string[]): Promise<void> {
  const { work, fixture, path } = context;
  const consumer = consumerFor(work.scenario, work.final);
  if (path !== null) {
    for await (const line of createInterface({ input: createReadStream(path) })) {
      consumer.take(JSON.parse(line) as Order & Trade);
    }
  } else {
    const make = work.scenario === '0' ? orderAt : work.scenario === '1' ? priceAt : tradeAt;
    for (let i = 0; i < fixture.records; i += 1) consumer.take(make(i) as Order & Trade);
  }
  if (consumer.records !== fixture.records) faults.push(`the loop saw ${consumer.records} records`);
}

function orderAt(i: number): Order {
  return {
    order_id: i,
    customer_id: i % 1000,
    order_date: '2024-01-15',
    total_amount: 150 + (i % 100),
  };
}

function tradeAt(i: number): Trade {
  return {
    trader_id: `TRADER${i % 20}`,
    symbol: `SYM${i % 10}`,
    price: 100 + (i % 50),
    quantity: 100 + (i % 1000),
    trade_time: 1_700_000_000 + i,
  };
}

function priceAt(i: number): Trade {
  const price = 100 + (i % 50) + Math.sin(i / 100) * 10;
  return { ...tradeAt(i), symbol: `SYM${i % 10}`, price, trade_time: 1_700_000_000_000 + i * 1000 };
}

interface Consumer {
  records: number;
  take(record: Order & Trade): void;
}

function consumerFor(scenario: string, final: boolean): Consumer {
  switch (scenario) {
    case '0':
      return new FilterConsumer();
    case '1':
      return new BufferConsumer();
    default:
      return new GroupConsumer(
        final || scenario === '3a',
        scenario === '3b',
        scenario.startsWith('3'),
      );
  }
}

class FilterConsumer implements Consumer {
  records = 0;
  sum = 0;
  take(order: Order): void {
    this.records += 1;
    if (order.total_amount > 100) {
      const row = { ...order };
      this.sum += row.order_id + row.customer_id + row.order_date.length + row.total_amount;
    }
  }
}

class BufferConsumer implements Consumer {
  records = 0;
  sum = 0;
  private readonly buffers = new Map<string, number[]>();
  take(trade: Trade): void {
    this.records += 1;
    let buffer = this.buffers.get(trade.symbol);
    if (buffer === undefined) this.buffers.set(trade.symbol, (buffer = []));
    buffer.push(trade.price);
    if (buffer.length > 100) buffer.shift();
    let total = 0;
    for (const price of buffer) total += price;
    const row = {
      average: total / buffer.length,
      min: Math.min(...buffer),
      max: Math.max(...buffer),
    };
    this.sum += row.average + row.min + row.max;
  }
}

class GroupConsumer implements Consumer {
  records = 0;
  sum = 0;
  private readonly final: boolean;
  private readonly snapshot: boolean;
  private readonly windowed: boolean;
  private groups = new Map<string, Group>();
  private windowEnd = 0;

  constructor(final: boolean, snapshot: boolean, windowed: boolean) {
    this.final = final;
    this.snapshot = snapshot;
    this.windowed = windowed;
  }

  take(trade: Trade): void {
    this.records += 1;
    if (this.windowed && trade.trade_time >= this.windowEnd) this.openWindow(trade.trade_time);
    const key = `${trade.trader_id}|${trade.symbol}`;
    let group = this.groups.get(key);
    if (group === undefined) {
      group = { ...trade, count: 0, price: 0, quantity: 0, value: 0 };
      this.groups.set(key, group);
    }
    group.count += 1;
    group.price += trade.price;
    group.quantity += trade.quantity;
    group.value += trade.price * trade.quantity;
    if (this.snapshot) for (const each of this.groups.values()) this.emit(each);
    else if (!this.final) this.emit(group);
  }

  private openWindow(time: number): void {
    for (const group of this.groups.values()) this.emit(group);
    this.groups = new Map();
    this.windowEnd = (Math.floor(time / 60_000) + 1) * 60_000;
  }

  private emit(group: Group): void {
    const row = {
      trader_id: group.trader_id,
      symbol: group.symbol,
      trade_count: group.count,
      avg_price: group.price / group.count,
      total_quantity: group.quantity,
      total_value: group.value,
    };
    this.sum +=
      row.trade_count + row.avg_price + row.total_quantity + row.total_value + row.symbol.length;
  }
}
