package sim

import "fmt"

// Request returns a request without content.
func Request(method, target string, fields ...string) string {
	s := method + " " + target + " HTTP/1.1\r\nhost: app\r\n"
	for _, f := range fields {
		s += f + "\r\n"
	}
	return s + "\r\n"
}

// Response returns a response with content.
func Response(status int, content string, fields ...string) string {
	s := fmt.Sprintf("HTTP/1.1 %d OK\r\ncontent-length: %d\r\n", status, len(content))
	for _, f := range fields {
		s += f + "\r\n"
	}
	return s + "\r\n" + content
}
