package accesslog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxDepth bounds how deep objects and arrays may stand in each other.
const maxDepth = 16

// A node is a value of a JSON format: an object, a text with operators, or a
// constant.
type node struct {
	key      string
	template *template
	constant json.RawMessage
	children []*node
	index    map[string]*node // the children by key
	isObject bool
}

// parseObjectFormat compiles a JSON format.
func parseObjectFormat(s string) (*node, error) {
	d := json.NewDecoder(strings.NewReader(s))
	if _, err := d.Token(); err != nil {
		return nil, badJSON(err)
	}
	root := &node{isObject: true}
	if err := root.read(d, maxDepth); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("bad JSON: more after the object")
	}
	if !root.hasOperator() {
		return nil, errNoOperator
	}
	return root, nil
}

// badJSON says what is wrong with a JSON format. Its end is never due where
// something is read.
func badJSON(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("bad JSON: %w", err)
}

// read reads the rest of an object whose "{" was read.
func (n *node) read(d *json.Decoder, depth int) error {
	if depth == 0 {
		return fmt.Errorf("objects stand in each other more than %d deep", maxDepth)
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return badJSON(err)
		}
		key, _ := t.(string)
		child := &node{key: key}
		if err := child.readValue(d, depth); err != nil {
			return err
		}
		if n.index[key] != nil {
			return fmt.Errorf("key %q stands twice", key)
		}
		n.add(child)
	}
	if _, err := d.Token(); err != nil {
		return badJSON(err)
	}
	return nil
}

// add adds a child, after those there are.
func (n *node) add(child *node) {
	if n.index == nil {
		n.index = make(map[string]*node)
	}
	n.index[child.key] = child
	n.children = append(n.children, child)
}

// readValue reads the value of one key.
func (n *node) readValue(d *json.Decoder, depth int) error {
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return badJSON(err)
	}
	switch raw[0] {
	case '{':
		n.isObject = true
		inner := json.NewDecoder(strings.NewReader(string(raw)))
		if _, err := inner.Token(); err != nil {
			return badJSON(err)
		}
		return n.read(inner, depth-1)
	case '"':
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return badJSON(err)
		}
		t, err := parseTemplate(text)
		if err != nil {
			return fmt.Errorf("key %q: %w", n.key, err)
		}
		n.template = t
	default:
		n.constant = raw
	}
	return nil
}

// hasOperator reports whether there is one in n or below it.
func (n *node) hasOperator() bool {
	if n.template != nil {
		return len(n.template.slots) > 0
	}
	for _, c := range n.children {
		if c.hasOperator() {
			return true
		}
	}
	return false
}

// bare returns the operator of a value that is nothing else, nil for others.
func (n *node) bare() *operator {
	if t := n.template; t != nil && len(t.slots) == 1 && t.lead == "" && t.slots[0].next == "" {
		return &t.slots[0].operator
	}
	return nil
}
