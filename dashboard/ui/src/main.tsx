import 'uplot/dist/uPlot.min.css';
import './style.css';
import { render } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { setToken, whenUnauthorized } from './api';
import { Paused, Report } from './hooks';
import { CardinalityPage } from './pages/cardinality';
import { Explore } from './pages/explore';
import { Overview } from './pages/overview';
import { Pipeline } from './pages/pipeline';
import type { LiveState } from './stream';
import { type PageName, read, write } from './url';

const PAGES: [PageName, string][] = [['overview', 'Overview'], ['explore', 'Explore'], ['cardinality', 'Cardinality'], ['pipeline', 'Pipeline']];
const THEME = 'tidegate.theme';

const STATES: Record<string, string> = {
  live: 'What is shown follows what comes in.',
  paused: 'What is shown stands still; nothing is lost meanwhile.',
  connecting: 'Asking the server.',
  reconnecting: 'The server does not answer; trying again.',
  still: 'A fixed range: nothing here changes by itself.',
};

/** A tide in a gate. */
function Mark() {
  return (
    <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">
      <path d="M2 2v16M18 2v16" stroke="currentColor" stroke-width="2" fill="none" />
      <path d="M2 12c3-4 5-4 8 0s5 4 8 0" stroke="var(--accent)" stroke-width="2.4" fill="none" />
    </svg>
  );
}

function applyTheme(theme: string): void {
  document.documentElement.dataset.theme = theme;
}

const systemTheme = (): string => (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');

function Login({ done }: { done: () => void }) {
  const token = useRef<HTMLInputElement>(null);
  const submit = (event: Event) => {
    event.preventDefault();
    setToken(token.current?.value ?? '');
    done();
  };
  return (
    <form class="card" onSubmit={submit}>
      <h2>The server asks for a token</h2>
      <p class="bar">
        <input ref={token} type="password" aria-label="Bearer token" autocomplete="off" />
        <button>Use it in this tab</button>
        <a href="/login">Log in for all tabs</a>
      </p>
    </form>
  );
}

/** Said by a cookie beside the session's, which scripts cannot read. */
const isLoggedIn = (): boolean => document.cookie.split('; ').includes('tidegate_logged_in=1');

async function logOut(): Promise<void> {
  await fetch('/logout', { method: 'POST' });
  location.assign('/login');
}

const KEYS = [
  ['1 – 4', 'the pages'],
  ['p', 'pause, go on'],
  ['t', 'dark, light'],
  ['/', 'to the first query'],
  ['?', 'this help'],
  ['Esc', 'close'],
];

function Help({ close }: { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="card" aria-label="Keyboard shortcuts" onClose={close}>
      <h2>Keyboard</h2>
      <dl>{KEYS.map(([key, text]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{text}</dd></div>)}</dl>
      <button onClick={() => dialog.current?.close()}>Close</button>
    </dialog>
  );
}

function App() {
  const [place, setPlace] = useState(() => read(location.hash));
  const [paused, setPaused] = useState(false);
  const [theme, setTheme] = useState(localStorage.getItem(THEME) ?? systemTheme());
  const [help, setHelp] = useState(false);
  const [login, setLogin] = useState(false);
  const [signedIn, setSignedIn] = useState(0);
  const [states, setStates] = useState<Record<string, LiveState>>({});
  applyTheme(theme);

  const toggleTheme = () => setTheme((now) => {
    const next = now === 'dark' ? 'light' : 'dark';
    localStorage.setItem(THEME, next);
    return next;
  });
  useEffect(() => {
    whenUnauthorized(() => setLogin(true));
    const moved = () => setPlace(read(location.hash));
    const pressed = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (target.closest('input, select, .cm-editor') || event.ctrlKey || event.metaKey || event.altKey) return;
      const page = PAGES[Number(event.key) - 1];
      if (page) location.hash = write({ page: page[0] });
      else if (event.key === 'p') setPaused((now) => !now);
      else if (event.key === 't') toggleTheme();
      else if (event.key === '?') setHelp(true);
      else if (event.key === '/') {
        document.querySelector<HTMLElement>('main .cm-content, main input[type=search]')?.focus();
        event.preventDefault();
      }
    };
    addEventListener('hashchange', moved);
    addEventListener('keydown', pressed);
    return () => {
      removeEventListener('hashchange', moved);
      removeEventListener('keydown', pressed);
    };
  }, []);
  const report = useCallback((key: string, state: LiveState | undefined) => setStates((before) => {
    const { [key]: _, ...rest } = before;
    return state ? { ...rest, [key]: state } : rest;
  }), []);

  const all = Object.values(states);
  const running = ['reconnecting', 'connecting', 'live'].find((one) => all.includes(one as LiveState));
  const state = paused ? 'paused' : (running ?? 'still');
  useEffect(() => {
    document.title = `${PAGES.find(([page]) => page === place.page)?.[1] ?? ''}${place.instance || place.job ? ` · ${place.instance || place.job}` : ''} · Tidegate`;
  }, [place.page, place.job, place.instance]);
  return (
    <Paused.Provider value={paused}>
      <Report.Provider value={report}>
        <header>
          <h1><Mark /> Tidegate</h1>
          <nav class="pages" aria-label="Pages">
            {PAGES.map(([page, text]) => <a key={page} href={write({ page })} aria-current={place.page === page ? 'page' : undefined}>{text}</a>)}
          </nav>
          <span class={`state ${state}`} role="status" title={STATES[state]}>{state}</span>
          <button aria-pressed={paused} onClick={() => setPaused(!paused)}>{paused ? 'Go on' : 'Pause'}</button>
          <button onClick={toggleTheme}>{theme === 'dark' ? 'Light' : 'Dark'}</button>
          {isLoggedIn() && <button onClick={() => void logOut()}>Log out</button>}
          <button aria-label="Keyboard shortcuts" onClick={() => setHelp(true)}>?</button>
        </header>
        <main key={signedIn}>
          {login && <Login done={() => { setLogin(false); setSignedIn(signedIn + 1); }} />}
          {place.page === 'overview' && <Overview place={place} />}
          {place.page === 'explore' && <Explore place={place} />}
          {place.page === 'cardinality' && <CardinalityPage />}
          {place.page === 'pipeline' && <Pipeline />}
        </main>
        {help && <Help close={() => setHelp(false)} />}
      </Report.Provider>
    </Paused.Provider>
  );
}

const root = document.getElementById('app');
if (root) render(<App />, root);
