package truth

import "fmt"

// Lookup is one question to a DNS server over UDP, as the program that asked it
// knows it.
type Lookup struct {
	// Role is "app" (the application's; redirected to the mesh's agent),
	// "upstream" (the agent's own) or "direct".
	Role       string   `json:"role"`
	Client     string   `json:"client"`
	Server     string   `json:"server"`                // as the client asked it
	AnsweredBy string   `json:"answered_by"`           // who answers there
	ID         int      `json:"id"`                    // of the DNS header
	Name       string   `json:"name"`                  // without the last dot
	Type       string   `json:"type"`                  // A or AAAA
	Queries    int      `json:"queries"`               // how often it was sent
	Answers    int      `json:"answers"`               // 0 or 1
	RCode      string   `json:"rcode,omitempty"`       // absent without an answer
	Truncated  bool     `json:"truncated,omitempty"`   // the answer says so
	Addresses  []string `json:"addresses,omitempty"`   // in it
	UpstreamOf *int     `json:"upstream_of,omitempty"` // place in the list of the application's lookup that the agent passes on
}

// checkLookups wants the application's lookups redirected and what the agent
// passed on to be one of these.
func (t *Truth) checkLookups() error {
	for i, l := range t.Lookups {
		if (l.Role == "app") != (l.Server != l.AnsweredBy) {
			return fmt.Errorf("lookup %d (%s): asked %s, answered by %s", i, l.Role, l.Server, l.AnsweredBy)
		}
		if u := l.UpstreamOf; u != nil && (*u >= len(t.Lookups) || t.Lookups[*u].Role != "app" || t.Lookups[*u].Name != l.Name) {
			return fmt.Errorf("lookup %d (%s) is upstream of %d", i, l.Name, *u)
		}
	}
	return nil
}
