/** The name of the only column of a source of format raw that nobody declares; owns nothing else. */
export const RAW_COLUMN = 'line';
