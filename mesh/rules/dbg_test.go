package rules

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestDbg(t *testing.T) {
	for _, f := range strings.Fields(os.Getenv("F")) {
		h, err := os.Open(f)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(h)
		fmt.Println("==", f, err, s.Malformed, s.First, s.Args != nil)
		for _, tb := range s.Tables {
			fmt.Println("*"+tb.Name, tb.Family, tb.NFT)
			for _, c := range tb.Chains {
				if c.Hook != "" {
					fmt.Println(":"+c.Name, c.Policy, c.Hook, c.Type, c.Priority)
				}
				for _, r := range c.Rules {
					fmt.Println("-A", c.Name, r.String())
				}
			}
		}
	}
}

func TestFacts(t *testing.T) {
	for _, f := range strings.Fields(os.Getenv("F")) {
		h, err := os.Open(f)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(h)
		fmt.Printf("%s %v\n%+v\n", f, err, s.Facts())
	}
}
