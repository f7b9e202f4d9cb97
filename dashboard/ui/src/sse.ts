/** Server-sent events, as the HTML standard reads them, from text that comes in pieces. */

export interface ServerEvent {
  event: string;
  id: string;
  data: string;
}

export class SseParser {
  private rest = '';
  private event = '';
  private data: string[] = [];
  /** Stays as it is until an event has another one. */
  private id = '';
  /** How long the server wants a client to wait before it connects again. */
  retryMs: number | undefined;

  /** The events that this piece completes. */
  push(piece: string): ServerEvent[] {
    const text = this.rest + piece;
    // A CR at the end may be half of a CRLF.
    const whole = text.endsWith('\r') ? text.slice(0, -1) : text;
    const lines = whole.split(/\r\n|\n|\r/);
    this.rest = (lines.pop() ?? '') + text.slice(whole.length);
    return lines.flatMap((line) => this.line(line) ?? []);
  }

  private line(line: string): ServerEvent | undefined {
    if (line === '') return this.dispatch();
    if (line.startsWith(':')) return undefined;
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.event = value;
    else if (field === 'data') this.data.push(value);
    else if (field === 'retry' && /^\d+$/.test(value)) this.retryMs = Number(value);
    else if (field === 'id' && !value.includes('\0')) this.id = value;
    return undefined;
  }

  private dispatch(): ServerEvent | undefined {
    const { event, data, id } = this;
    this.event = '';
    this.data = [];
    return data.length ? { event: event || 'message', id, data: data.join('\n') } : undefined;
  }
}
