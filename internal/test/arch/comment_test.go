package arch

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// uncommented lists the declarations whose comment may begin otherwise.
var uncommented = exceptions{}

// A doc comment begins with what it is about, after an article perhaps, and
// whatever is exported has one. Constants and variables in parentheses are one
// declaration: its comment begins as it likes and may stand for all of them, as
// may that of the type whose values they are. One of their own begins with the
// name.
func TestCommentNamesWhatFollows(t *testing.T) {
	var faults []fault
	for _, s := range code(t) {
		for _, d := range s.syntax.Decls {
			faults = append(faults, misnamed(s, d)...)
		}
	}
	uncommented.judge(t, faults)
}

func misnamed(s *source, d ast.Decl) []fault {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := funcName(d)
		exported := ast.IsExported(d.Name.Name) && (d.Recv == nil || ast.IsExported(name))
		return checkComment(s, d, d.Doc, exported, d.Name.Name, name)
	case *ast.GenDecl:
		var faults []fault
		for _, spec := range d.Specs {
			faults = append(faults, misnamedSpec(s, d, spec)...)
		}
		return faults
	}
	return nil
}

// misnamedSpec judges one of the declarations that share a keyword.
func misnamedSpec(s *source, d *ast.GenDecl, spec ast.Spec) []fault {
	var names []string
	var doc, behind *ast.CommentGroup
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		names, doc, behind = []string{spec.Name.Name}, spec.Doc, spec.Comment
	case *ast.ValueSpec:
		for _, id := range spec.Names {
			names = append(names, id.Name)
		}
		doc, behind = spec.Doc, spec.Comment
	default:
		return nil
	}
	if doc == nil && !d.Lparen.IsValid() {
		doc = d.Doc
	}
	told := behind != nil || d.Tok != token.TYPE && d.Doc != nil || valuesOfType(d)
	return checkComment(s, spec, doc, !told && slices.ContainsFunc(names, ast.IsExported), names...)
}

// valuesOfType reports whether a declaration lists the values of a type.
func valuesOfType(d *ast.GenDecl) bool {
	first, ok := d.Specs[0].(*ast.ValueSpec)
	return ok && d.Lparen.IsValid() && first.Type != nil
}

// checkComment judges the comment of something that goes by any of some names.
func checkComment(s *source, n ast.Node, doc *ast.CommentGroup, needed bool, names ...string) []fault {
	full := names[len(names)-1]
	report := func(text string) []fault {
		return []fault{{s.dir, s.dir + "." + full, s.at(n) + ": " + text}}
	}
	if strings.TrimSpace(doc.Text()) == "" {
		if needed {
			return report(full + " is exported and has no comment")
		}
		return nil
	}
	if first := firstNoun(doc.Text()); !slices.Contains(names, first) {
		return report("the comment of " + full + " begins with " + first)
	}
	return nil
}

// firstNoun is the first word of a comment that is no article.
func firstNoun(text string) string {
	words := strings.Fields(text)
	if len(words) > 1 && slices.Contains([]string{"A", "An", "The"}, words[0]) {
		words = words[1:]
	}
	if len(words) == 0 {
		return ""
	}
	return strings.TrimRight(words[0], ".,:;")
}
