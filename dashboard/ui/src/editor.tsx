/** The PromQL editor: Prometheus' extension, completing from our API. */

import { autocompletion, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { EditorState, Prec } from '@codemirror/state';
import { EditorView, keymap, placeholder } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { PromQLExtension } from '@prometheus-io/codemirror-promql';
import { useEffect, useRef } from 'preact/hooks';
import { ask } from './api';

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.function(tags.variableName)], color: 'var(--accent)' },
  { tag: [tags.string, tags.number], color: 'var(--good)' },
  { tag: tags.comment, color: 'var(--muted)' },
]);

interface Props {
  value: string;
  label: string;
  onRun: (text: string) => void;
}

export function Editor({ value, label, onRun }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | undefined>(undefined);
  const run = useRef(onRun);
  run.current = onRun;
  useEffect(() => {
    if (!box.current) return undefined;
    const promql = new PromQLExtension().setComplete({ remote: { url: '', fetchFn: ask } });
    const submit = (editor: EditorView) => {
      run.current(editor.state.doc.toString());
      return true;
    };
    view.current = new EditorView({
      parent: box.current,
      doc: value,
      extensions: [
        promql.asExtension(),
        autocompletion(),
        history(),
        syntaxHighlighting(colours),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': label }),
        EditorState.tabSize.of(2),
        placeholder('PromQL; Enter runs it'),
        keymap.of([...completionKeymap]),
        Prec.high(keymap.of([{ key: 'Mod-Enter', run: submit }])),
        keymap.of([{ key: 'Enter', run: submit }, ...defaultKeymap, ...historyKeymap]),
        EditorView.domEventHandlers({ blur: (_, editor) => void submit(editor) }),
      ],
    });
    return () => view.current?.destroy();
  }, []);
  useEffect(() => {
    const editor = view.current;
    const text = editor?.state.doc.toString();
    if (editor && text !== value) editor.dispatch({ changes: { from: 0, to: text?.length ?? 0, insert: value } });
  }, [value]);
  return <div class="editor" ref={box} />;
}
