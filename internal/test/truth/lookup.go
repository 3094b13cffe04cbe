package truth

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
