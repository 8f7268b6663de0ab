/**
 * The one table of error codes: permanent names, domain, retry and one sentence for
 * docs/errors.md, which is generated from here. Add to the section of your area; never rename.
 */

interface CodeEntry {
  readonly domain: 'user' | 'data' | 'external' | 'internal';
  readonly retry: 'never' | 'backoff';
  readonly about: string;
}

const user = (about: string): CodeEntry => ({ domain: 'user', retry: 'never', about });
const data = (about: string): CodeEntry => ({ domain: 'data', retry: 'never', about });
const external = (about: string): CodeEntry => ({ domain: 'external', retry: 'never', about });
const passing = (about: string): CodeEntry => ({ domain: 'external', retry: 'backoff', about });
const internal = (about: string): CodeEntry => ({ domain: 'internal', retry: 'never', about });

export const ERROR_CODES = {
  // sql: text to AST
  SYNTAX: user('The SQL text does not follow the grammar.'),
  VARIABLE_MISSING: user('A ${NAME:?message} variable is not set.'),
  INTERVAL_UNIT: user('An interval or duration has an unknown unit.'),
  LITERAL_INVALID: user('A literal cannot be read as its type.'),

  // plan: names, types, relations
  TABLE_NOT_FOUND: user('A table, stream or CTE that no statement declares.'),
  TABLE_EXISTS: user('A name is declared twice.'),
  COLUMN_NOT_FOUND: user('A column that no table in scope has.'),
  COLUMN_AMBIGUOUS: user('A column name that several tables in scope have.'),
  COLUMN_NOT_GROUPED: user('A column that is neither grouped nor aggregated.'),
  FUNCTION_NOT_FOUND: user('A function that velo does not have.'),
  FUNCTION_ARITY: user('A function is called with too few or too many arguments.'),
  FUNCTION_ARGUMENT: user('An argument has a type or value the function does not take.'),
  TYPE_NOT_FOUND: user('A type that velo does not have, or parameters it does not take.'),
  TYPE_MISMATCH: user('Types that do not fit together.'),
  AGGREGATE_MISPLACED: user('An aggregate stands where none may stand.'),
  WINDOW_MISPLACED: user('A window function or window column stands where none may stand.'),
  WINDOW_INVALID: user('A window with a size, column or advance that cannot be.'),
  QUERY_TOO_LARGE: user('A query with more parts, or more levels, than a plan may have.'),
  LIMIT_INVALID: user('LIMIT is no whole number of at least 0.'),
  EMIT_INVALID: user('EMIT does not fit the query or its input.'),
  ORDER_BY_UNBOUNDED: user('ORDER BY over an unbounded input without a window.'),
  CHANGELOG_MODE: user('An operator cannot consume the changes that its input emits.'),
  NOT_SUPPORTED: user('velo reads this SQL but has no operator for it yet.'),
  SETTING_INVALID: user('A SET key, annotation or WITH option that is unknown or has a bad value.'),
  TTL_INVALID: user('A TTL of state where none can be, or whose time is not there.'),
  STATEMENT_INVALID: user('A statement that makes no sense where it stands.'),

  // command line and configuration
  FLAG_INVALID: user('A command-line flag that is unknown or has a bad value.'),
  CONFIG_INVALID: user('velo.yaml or a VELO_ variable has an unknown key or a bad value.'),
  CASE_INVALID: user('A case file of velo test cannot be read, or says what makes no sense.'),
  SQL_FILE_MISSING: user('The SQL file cannot be read.'),

  // data: one record
  DECODE: data('A record cannot be decoded.'),
  CONVERT: data('A value of a record does not convert to its column type.'),
  RECORD_TOO_LARGE: data('A record is larger than record.max-bytes.'),
  DIVISION_BY_ZERO: data('Division or MOD by zero.'),
  NUMERIC_OVERFLOW: data('A BIGINT, DECIMAL or DOUBLE result is out of range.'),
  NUMERIC_DOMAIN: data('A function is not defined for this number.'),
  CAST_FAILED: data('A CAST does not fit.'),
  VALUE_INVALID: data('A function got a value it cannot use.'),
  EVENT_TIME_NULL: data('A record has no event time where one is needed.'),

  // connectors
  DATA_FILE_MISSING: external('A data file or folder does not exist or cannot be opened.'),
  FILE_READ: external('A data file cannot be read.'),
  FILE_DAMAGED: external('A data file whose bytes do not hold together.'),
  SINK_WRITE: external('A sink cannot take more rows.'),
  KAFKA_UNAVAILABLE: external(
    'node-rdkafka is not installed, or was not compiled for this Node and machine.',
  ),
  BROKER_UNREACHABLE: passing('No broker answers.'),
  TOPIC_NOT_FOUND: external('A topic that the broker does not have.'),
  OFFSET_OUT_OF_RANGE: external('An offset that the Kafka topic does not hold.'),
  KAFKA: passing('The Kafka client reports an error.'),
  KAFKA_AUTHENTICATION: external('A Kafka broker refuses the user.'),
  KAFKA_AUTHORIZATION: external('The Kafka user may not do what the job needs.'),
  KAFKA_TLS: external('A secure connection to a Kafka broker cannot be set up.'),
  KAFKA_FENCED: external(
    'Another job has the transactional id of this one, or a transaction was open for too long.',
  ),
  KAFKA_BROKER_OLD: external('A Kafka broker that is too old for columnar fetch.'),
  KAFKA_ANSWER: external('What a Kafka broker answers does not hold together.'),
  KAFKA_RECORD_CORRUPT: external('A Kafka record batch whose bytes do not add up.'),
  KAFKA_RECORD_FORMAT: external('Kafka records in a format that velo does not read.'),
  KAFKA_LOG_TRUNCATED: external('A Kafka topic lost records that had been read.'),
  KAFKA_CODEC: external('A Kafka record batch that cannot be unpacked.'),
  KAFKA_GROUP_SHARED: external('A consumer group shares a topic that the query needs alone.'),
  TOPIC_NOT_CREATED: external('A topic that is missing and that the cluster does not create.'),
  SCHEMA_INFERENCE: external('The schema of a quoted source cannot be inferred.'),
  SCHEMA_REGISTRY: passing('The schema registry does not answer.'),
  SCHEMA_REGISTRY_REFUSED: external('The schema registry refuses a request or gives no schema.'),

  // state and process
  STATE_TOO_LARGE: data('A part of the state would be larger than velo can address.'),
  MEMORY_EXHAUSTED: data('The job would take more memory than it may.'),
  STATE_LIMIT: data('The state of the job would be larger than it may be.'),
  STATE_PAGES: external('State that goes out of memory cannot be written, or read again.'),
  STATE_INVALID: internal('A snapshot does not fit the operator that should restore it.'),
  CHECKPOINT_WRITE: external('A checkpoint cannot be written; the one before it is intact.'),
  CHECKPOINT_READ: external('A checkpoint folder or file cannot be read.'),
  CHECKPOINT_DAMAGED: external('A checkpoint whose files are missing or do not hold together.'),
  CHECKPOINT_VERSION: external('A checkpoint in a form that only a newer velo reads.'),
  CHECKPOINT_NOT_FOUND: user('A checkpoint that the folder does not have.'),
  CHECKPOINT_LOCKED: external('A checkpoint folder that another job uses.'),
  JOB_NOT_FOUND: user('No job runs with that checkpoint folder.'),
  JOB_UNREACHABLE: external(
    'A running job that cannot be asked: it is not yours, or does not answer.',
  ),
  JOB_RESCALE: user('A running job that cannot go on with other partitions or workers.'),
  JOB_ENDED: external('A job that ended before it had done what it was asked for.'),
  SAVEPOINT_FOLDER: user('A folder for a savepoint that holds checkpoints already.'),
  WORKER_DIED: internal('A worker ended before its work was done.'),

  // bench
  VERIFICATION_FAILED: internal('A benchmark produced rows that do not verify.'),
  BASELINE_MISMATCH: user('Two benchmark results say nothing about each other.'),
} as const satisfies Record<string, CodeEntry>;

export type ErrorKey = keyof typeof ERROR_CODES;
