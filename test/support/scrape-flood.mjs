/** Scrapes an address over so many kept-alive connections, each again at once, until it is killed. */
import { Agent, get } from 'node:http';

const [url, connections] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: Number(connections) });

function scrape() {
  const request = get(url, { agent }, (response) => {
    response.resume();
    response.on('close', scrape);
  });
  // The job is over, and soon this process.
  request.on('error', () => setImmediate(scrape));
}

for (let at = 0; at < Number(connections); at += 1) scrape();
