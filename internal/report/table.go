package report

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// plainRows is the number of rows above which Table prints the columns itself:
// tablewriter keeps and measures every cell several times over.
const plainRows = 1000

// Table prints a header and rows in the style of kubectl: no borders, columns
// left-aligned and two spaces apart, no blanks at the ends of lines. Bytes of a
// cell that would move the cursor or are no text are shown escaped, as \x1b:
// names in captures come from strangers. It keeps rows until it returns. An
// error is that of w.
func Table(w io.Writer, header []string, rows [][]string) error {
	if len(rows) > plainRows {
		return plain(w, header, rows)
	}
	var buf bytes.Buffer
	t := newTable(&buf)
	t.Header(cells(header)...)
	for _, row := range rows {
		if err := t.Append(cells(row)...); err != nil {
			return err
		}
	}
	if err := t.Render(); err != nil {
		return err
	}
	return trimLines(w, buf.Bytes())
}

// newTable returns a tablewriter without borders, rules, wrapping or upper case.
func newTable(w io.Writer) *tablewriter.Table {
	pad := tw.CellPadding{Global: tw.Padding{Right: "  ", Overwrite: true}}
	left := tw.CellAlignment{Global: tw.AlignLeft}
	keep := tw.CellFormatting{AutoFormat: tw.Off, AutoWrap: tw.WrapNone}
	return tablewriter.NewTable(w,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Symbols:  tw.NewSymbols(tw.StyleNone),
			Settings: tw.Settings{Lines: tw.LinesNone, Separators: tw.SeparatorsNone},
		})),
		tablewriter.WithConfig(tablewriter.Config{
			Header:   tw.CellConfig{Alignment: left, Padding: pad, Formatting: keep},
			Row:      tw.CellConfig{Alignment: left, Padding: pad, Formatting: keep},
			Behavior: tw.Behavior{TrimSpace: tw.Off},
		}))
}

// cells copies a row for tablewriter, which keeps what it is given.
func cells(row []string) []any {
	out := make([]any, len(row))
	for i, c := range row {
		out[i] = printable(c)
	}
	return out
}

// printable escapes control characters and bytes that are not UTF-8.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }) < 0 {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if unicode.IsControl(r) || r == utf8.RuneError && n == 1 {
			for ; n > 0; n-- {
				fmt.Fprintf(&out, `\x%02x`, s[i])
				i++
			}
			continue
		}
		out.WriteString(s[i : i+n])
		i += n
	}
	return out.String()
}

// trimLines writes text without the blanks that padding leaves at line ends.
func trimLines(w io.Writer, text []byte) error {
	out := bufio.NewWriter(w)
	for line := range bytes.Lines(text) {
		out.Write(bytes.TrimRight(line, " \n"))
		out.WriteByte('\n')
	}
	return out.Flush()
}

// plain prints the same layout in two passes over the rows, one line at a time.
func plain(w io.Writer, header []string, rows [][]string) error {
	width := make([]int, len(header))
	widen(width, header)
	for _, row := range rows {
		widen(width, row)
	}
	out := bufio.NewWriter(w)
	writeRow(out, width, header)
	for _, row := range rows {
		writeRow(out, width, row)
	}
	return out.Flush()
}

func widen(width []int, row []string) {
	for i, c := range row[:min(len(row), len(width))] {
		width[i] = max(width[i], utf8.RuneCountInString(printable(c)))
	}
}

func writeRow(out *bufio.Writer, width []int, row []string) {
	var line strings.Builder
	for i, c := range row[:min(len(row), len(width))] {
		c = printable(c)
		line.WriteString(c)
		line.WriteString(strings.Repeat(" ", width[i]+2-utf8.RuneCountInString(c)))
	}
	out.WriteString(strings.TrimRight(line.String(), " "))
	out.WriteByte('\n')
}
