/**
 * Cuts a pipeline plan into fragments, from the scans upward. What is below a node is a flow: one
 * branch, or the branches of a UNION that nothing has gathered yet. Stateless nodes go on top of
 * each branch; a gathering node (anything that must see all rows of a key) ends the branches that
 * are still sources with an edge, joins fragments that lie as it needs them, and moves into the
 * global fragment when they do not. Owns where edges are; which strategy to ask for is
 * fragments.ts.
 */
import { assert } from '../../base/assert.js';
import {
  isMergeable,
  joinTypesDiffer,
  keysOf,
  passedColumns,
  withInputs,
} from './fragment-columns.js';
import type { GatheringNode, StackedNode } from './fragment-columns.js';
import type { ExchangeEdge, Routing, SourceFragment, StatefulFragment } from './fragment-plan.js';
import { hasOneSplit, keyFieldColumns, scanOf, sourceWatermark } from './fragment-sources.js';
import { pipelineInputs, scansOf } from '../pipeline/pipeline-plan.js';
import type {
  ExchangeNode,
  PipelineNode,
  QueryPlan,
  UnionNode,
} from '../pipeline/pipeline-plan.js';

/**
 * What sends rows to the partitions of a keyed node: the hash of its key; source splits where
 * 'key.fields' allow it, else the hash; source splits where they keep keys together at all;
 * nothing, one partition has all rows.
 */
export type CutPolicy = 'hash' | 'key-fields' | 'splits' | 'none';

/** How a parallel fragment's rows lie: rows that agree in `columns` are in one partition. */
interface Distribution {
  readonly by: 'hash' | 'key-fields' | 'one-split';
  /** Per column of the distribution its places in the schema; none: it is not there any more. */
  readonly columns: readonly (readonly number[])[];
}

/** A part of the query that ends at `root`, which may still grow. */
interface Branch {
  readonly kind: 'branch';
  readonly root: PipelineNode;
  readonly place: 'source' | 'partitions' | 'single' | 'global';
  /** Of a branch over partitions; null for others. */
  readonly distribution: Distribution | null;
}
interface UnionFlow {
  readonly kind: 'union';
  readonly node: UnionNode;
  readonly inputs: readonly Flow[];
}
type Flow = Branch | UnionFlow;

/** Which of a gathering node's keys decide the partition. */
interface KeyPlace {
  readonly by: Distribution['by'];
  /** Positions in the lists of keysOf. */
  readonly ordinals: readonly number[];
}
type Place = KeyPlace | 'single' | 'global';

type EdgeDraft = {
  -readonly [F in keyof Omit<ExchangeEdge, 'fragment' | 'flush'>]: ExchangeEdge[F];
};
type SourceDraft = Omit<SourceFragment, 'paced'>;
type FragmentDraft = Omit<StatefulFragment, 'index'>;

export interface Cuts {
  readonly sources: readonly SourceFragment[];
  readonly edges: readonly ExchangeEdge[];
  readonly fragments: readonly StatefulFragment[];
  /** Nodes with state that got rows of sources which splits do not keep together by their keys. */
  readonly scattered: readonly GatheringNode[];
}

export function cutFragments(query: QueryPlan, policy: CutPolicy): Cuts {
  const cutter = new FragmentCutter(query.id, policy);
  return cutter.finish(cutter.flowOf(query.root), query.root);
}

class FragmentCutter {
  private readonly queryId: string;
  private readonly policy: CutPolicy;
  private readonly sources: SourceDraft[] = [];
  private readonly edges: EdgeDraft[] = [];
  private readonly fragments: FragmentDraft[] = [];
  private readonly scattered: GatheringNode[] = [];

  constructor(queryId: string, policy: CutPolicy) {
    this.queryId = queryId;
    this.policy = policy;
  }

  flowOf(node: PipelineNode): Flow {
    switch (node.kind) {
      case 'scan':
        return { kind: 'branch', root: node, place: 'source', distribution: null };
      case 'calc':
      case 'watermark':
      case 'watermark-delay':
      case 'window-columns':
      case 'final':
        return stacked(node, this.flowOf(node.input));
      case 'union':
        return { kind: 'union', node, inputs: node.inputs.map((input) => this.flowOf(input)) };
      case 'join':
        return this.gathered(node, [this.flowOf(node.left), this.flowOf(node.right)]);
      case 'exchange':
        throw new TypeError('a plan is cut once');
      default:
        return this.gathered(node, [this.flowOf(node.input)]);
    }
  }

  private gathered(node: GatheringNode, flows: readonly Flow[]): Branch {
    const place = this.placeOf(node, flows.map(branchesOf));
    if (place === 'global') {
      const inputs = flows.map((flow) => assembled(flow, (branch) => this.globalInput(branch)));
      return branchAt('global', withInputs(node, inputs));
    }
    const keys = keysOf(node);
    const inputs = flows.map((flow, input) => {
      const routing = routingOf(place, keys[input] ?? []);
      return assembled(flow, (branch) =>
        branch.place === 'source' ? this.cutSource(branch, routing) : branch.root,
      );
    });
    const root = withInputs(node, inputs);
    this.markPartial(root);
    if (place === 'single') return branchAt('single', root);
    const columns = place.ordinals.map((ordinal) =>
      keys.flatMap((list, input) => passedColumns(root, input, list[ordinal] ?? -1)),
    );
    return { ...branchAt('partitions', root), distribution: { by: place.by, columns } };
  }

  private placeOf(node: GatheringNode, branches: readonly (readonly Branch[])[]): Place {
    const all = branches.flat();
    if (all.some(({ place }) => place === 'global')) return 'global';
    const keys = keysOf(node);
    const isParallel = all.some(({ place }) => place === 'partitions');
    const isKeyed = keys[0]?.length !== 0 && !joinTypesDiffer(node) && this.policy !== 'none';
    if (isKeyed && all.every(({ place }) => place !== 'single')) {
      const place = isParallel
        ? sharedPlace(keys, branches)
        : this.firstPlace(node, keys, branches.flat());
      if (place !== null) return place;
    } else if (!isParallel) this.noteScattered(node, all);
    return isParallel ? 'global' : 'single';
  }

  /** Where the rows of sources go. */
  private firstPlace(
    node: GatheringNode,
    keys: readonly (readonly number[])[],
    sources: readonly Branch[],
  ): KeyPlace {
    const { policy } = this;
    if (policy === 'splits' && sources.every(isOneSplit)) return { by: 'one-split', ordinals: [] };
    // Two sources number their splits by themselves: only one source's keep a key together.
    const [source] = sources;
    if (policy !== 'hash' && sources.length === 1 && source !== undefined) {
      const fields = keyFieldColumns(source.root);
      const ordinals = fields === null ? null : ordinalsOf(fields, keys[0] ?? []);
      if (ordinals !== null) return { by: 'key-fields', ordinals };
    }
    this.noteScattered(node, sources);
    return { by: 'hash', ordinals: (keys[0] ?? []).map((_, ordinal) => ordinal) };
  }

  private noteScattered(node: GatheringNode, branches: readonly Branch[]): void {
    if (node.kind === 'limit') return;
    const sources = branches.filter(({ place }) => place === 'source');
    if (!sources.every(isOneSplit)) this.scattered.push(node);
  }

  /** Ends a source fragment: its rows go through a new edge. */
  private cutSource({ root }: Branch, routing: Routing): ExchangeNode {
    const leaf = this.edge(root, { level: 1, routing, ...sourceWatermark(root) });
    this.sources.push({ scan: scanOf(root), root, edge: leaf.edge });
    return leaf;
  }

  /** What the global fragment reads of a branch. Rows of a source pass a fragment of their own. */
  private globalInput(branch: Branch): PipelineNode {
    if (branch.place === 'global') return branch.root;
    const isSource = branch.place === 'source';
    const root = isSource ? this.cutSource(branch, { kind: 'single' }) : branch.root;
    const routing: Routing = { kind: 'single' };
    const leaf = this.edge(root, { level: 2, routing, watermark: null, eventTime: null });
    const parallel = branch.place === 'partitions';
    this.fragments.push({ level: 1, parallel, root, target: leaf.edge });
    return leaf;
  }

  private edge(
    sender: PipelineNode,
    parts: Pick<EdgeDraft, 'level' | 'routing' | 'watermark' | 'eventTime'>,
  ): ExchangeNode {
    const { schema, mode } = sender;
    const index = this.edges.length;
    this.edges.push({ index, schema, mode, partial: null, ...parts });
    return {
      kind: 'exchange',
      id: `${this.queryId}/exchange-${index + 1}`,
      schema,
      mode,
      edge: index,
    };
  }

  /** The UNIONs above change no row. A source's rows pass the partitions that others work in. */
  private resultsOfPartitions(branch: Branch, all: readonly Branch[]): void {
    const parallel =
      branch.place === 'source'
        ? all.some(({ place }) => place === 'partitions')
        : branch.place === 'partitions';
    const root =
      branch.place === 'source'
        ? this.cutSource(branch, { kind: parallel ? 'turn' : 'single' })
        : branch.root;
    this.fragments.push({ level: 1, parallel, root, target: null });
  }

  /** Groups go to the partition of their hash, so that rows must, too, or all to one. */
  private markPartial(node: PipelineNode): void {
    if (!isMergeable(node) || node.input.kind !== 'exchange') return;
    const edge = this.edges[node.input.edge];
    assert(edge !== undefined, 'an exchange has its edge');
    // A split that was idle may come back behind windows that closed without it: its rows are
    // dropped there one by one, its groups could not be.
    const mayComeBack =
      node.kind === 'window-aggregate' && (edge.watermark?.idleTimeoutMs ?? 0) > 0;
    if (mayComeBack) return;
    if (edge.routing.kind === 'hash' || edge.routing.kind === 'single') edge.partial = node;
  }

  /**
   * The branches that are left give the query's rows. They do so at one level, or a turn would be
   * over for one branch while another still works on it: rows in order come from one level only.
   */
  finish(flow: Flow, plan: PipelineNode): Cuts {
    const branches = branchesOf(flow);
    if (branches.some(({ place }) => place === 'global')) {
      const root = assembled(flow, (branch) => this.globalInput(branch));
      this.fragments.push({ level: 2, parallel: false, root, target: null });
    } else if (branches.every(({ place }) => place === 'source')) {
      for (const { root } of branches) this.sources.push({ scan: scanOf(root), root, edge: null });
    } else {
      for (const branch of branches) this.resultsOfPartitions(branch, branches);
    }
    const fragments = this.fragments.map((fragment, index) => ({ index, ...fragment }));
    const order = new Map(scansOf(plan).map(({ id }, at) => [id, at]));
    const place = ({ scan }: SourceDraft): number => order.get(scan.id) ?? 0;
    const limited = endingScans(plan);
    // A sender ships a part of a group only with a later turn, which the LIMIT would wait for.
    if (limited.size > 0) for (const edge of this.edges) edge.partial = null;
    return {
      sources: this.sources
        .toSorted((a, b) => place(a) - place(b))
        .map((source) => ({ ...source, paced: limited.has(source.scan.id) })),
      edges: receivedEdges(this.edges, fragments),
      fragments,
      scattered: this.scattered,
    };
  }
}

/** Scans that are read only until a LIMIT above them has its rows. */
function endingScans(node: PipelineNode): ReadonlySet<string> {
  const own = node.kind === 'limit' && node.counts !== 'final' ? node.scans : [];
  return new Set([...own, ...pipelineInputs(node).flatMap((input) => [...endingScans(input)])]);
}

function branchAt(place: Branch['place'], root: PipelineNode): Branch {
  return { kind: 'branch', root, place, distribution: null };
}

function branchesOf(flow: Flow): readonly Branch[] {
  return flow.kind === 'branch' ? [flow] : flow.inputs.flatMap(branchesOf);
}

function isOneSplit(source: Branch): boolean {
  return hasOneSplit(scanOf(source.root));
}

/** A stateless node on top of every branch. Its copies have ids of their own. */
function stacked(node: StackedNode, flow: Flow): Flow {
  let copies = 0;
  const onto = (below: Flow): Flow => {
    if (below.kind === 'union') {
      const union = { ...below.node, schema: node.schema };
      return { ...below, node: union, inputs: below.inputs.map(onto) };
    }
    copies += 1;
    const copy = copies === 1 ? node : { ...node, id: `${node.id}-copy-${copies}` };
    const root = withInputs(copy, [below.root]);
    const { distribution } = below;
    if (distribution === null) return { ...below, root };
    const columns = distribution.columns.map((places) =>
      places.flatMap((column) => passedColumns(node, 0, column)),
    );
    return { ...below, root, distribution: { ...distribution, columns } };
  };
  return onto(flow);
}

/** The nodes of a flow, its UNIONs included, over what stands for its branches. */
function assembled(flow: Flow, standIn: (branch: Branch) => PipelineNode): PipelineNode {
  if (flow.kind === 'branch') return standIn(flow);
  return withInputs(
    flow.node,
    flow.inputs.map((input) => assembled(input, standIn)),
  );
}

/** Positions in `keys` of the columns of a distribution; null when one is no key. */
function ordinalsOf(
  columns: readonly (readonly number[])[],
  keys: readonly number[],
): readonly number[] | null {
  const found = columns.map((places) => keys.findIndex((key) => places.includes(key)));
  return found.includes(-1) ? null : found;
}

/**
 * The distribution that the parallel branches of all inputs have in common, by the keys of the
 * node that is to read them; null when they do not lie together by its keys.
 */
function sharedPlace(
  keys: readonly (readonly number[])[],
  branches: readonly (readonly Branch[])[],
): KeyPlace | null {
  const all = branches.flat();
  const places = branches.flatMap((list, input) =>
    list.flatMap(({ distribution }) => {
      if (distribution === null) return [];
      const ordinals = ordinalsOf(distribution.columns, keys[input] ?? []);
      return [ordinals === null ? null : { by: distribution.by, ordinals }];
    }),
  );
  const [first] = places;
  if (first === undefined || first === null) return null;
  const same = places.every((place) => place !== null && isSamePlace(place, first));
  if (!same || (all.length > 1 && first.by === 'key-fields')) return null;
  const sources = all.filter(({ place }) => place === 'source');
  return first.by === 'one-split' && !sources.every(isOneSplit) ? null : first;
}

function isSamePlace(a: KeyPlace, b: KeyPlace): boolean {
  return a.by === b.by && a.ordinals.join() === b.ordinals.join();
}

function routingOf(place: KeyPlace | 'single', keys: readonly number[]): Routing {
  if (place === 'single') return { kind: 'single' };
  if (place.by !== 'hash') return { kind: 'split' };
  return { kind: 'hash', keys: place.ordinals.map((ordinal) => keys[ordinal] ?? -1) };
}

/** Gives each edge the fragment that has its leaf, and whether what follows flushes. */
function receivedEdges(
  drafts: readonly EdgeDraft[],
  fragments: readonly StatefulFragment[],
): readonly ExchangeEdge[] {
  const received = new Map<number, { readonly fragment: number; readonly flush: boolean }>();
  const visit = (node: PipelineNode, fragment: number, flush: boolean): void => {
    if (node.kind === 'exchange') received.set(node.edge, { fragment, flush });
    const flushes = flush && (node.kind !== 'window-aggregate' || node.flush);
    for (const input of pipelineInputs(node)) visit(input, fragment, flushes);
  };
  // The global fragment, which the others feed, is the last.
  for (const { index, root, target } of fragments.toReversed()) {
    visit(root, index, target === null ? true : (received.get(target)?.flush ?? true));
  }
  return drafts.map((draft) => {
    const place = received.get(draft.index);
    assert(place !== undefined, 'every edge has a receiver');
    return { ...draft, ...place };
  });
}
