/** Puts fake-topic.mjs in the place of the Kafka client, in this thread and those it starts. */
import { register } from 'node:module';

const FAKE = new URL('./fake-topic.mjs', import.meta.url).href;
const loader = `
  export async function resolve(specifier, context, next) {
    if (specifier.endsWith('/open-blocks.js')) return { url: '${FAKE}', shortCircuit: true };
    return next(specifier, context);
  }`;
register(`data:text/javascript,${encodeURIComponent(loader)}`);
