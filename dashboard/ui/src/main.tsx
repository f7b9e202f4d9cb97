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
      </p>
    </form>
  );
}

function Help({ close }: { close: () => void }) {
  const keys = [['1 – 4', 'the pages'], ['p', 'pause, go on'], ['t', 'dark, light'], ['?', 'this help'], ['Esc', 'close']];
  return (
    <div class="overlay" role="dialog" aria-modal="true" aria-label="Keyboard shortcuts">
      <div class="card">
        <h2>Keyboard</h2>
        <dl>{keys.map(([key, text]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{text}</dd></div>)}</dl>
        <button autofocus onClick={close}>Close</button>
      </div>
    </div>
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
      else if (event.key === 'Escape') setHelp(false);
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
  const state = paused ? 'paused' : all.includes('reconnecting') ? 'reconnecting' : all.includes('live') ? 'live' : all.length ? 'connecting' : 'idle';
  return (
    <Paused.Provider value={paused}>
      <Report.Provider value={report}>
        <header>
          <h1>Tidegate</h1>
          <nav aria-label="Pages">
            {PAGES.map(([page, text]) => <a key={page} href={write({ page })} aria-current={place.page === page ? 'page' : undefined}>{text}</a>)}
          </nav>
          <span class={`state ${state}`} role="status">{state}</span>
          <button aria-pressed={paused} onClick={() => setPaused(!paused)}>{paused ? 'Go on' : 'Pause'}</button>
          <button onClick={toggleTheme}>{theme === 'dark' ? 'Light' : 'Dark'}</button>
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
