package main

import (
	"bytes"
	"context"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

const pcaps = "../../testdata/pcaps/"

// form returns a form with files, by the names of their fields.
func form(t *testing.T, files map[string][]byte) (body *bytes.Buffer, contentType string) {
	t.Helper()
	body = new(bytes.Buffer)
	w := multipart.NewWriter(body)
	for field, data := range files {
		f, err := w.CreateFormFile(field, field+".pcap")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return body, w.FormDataContentType()
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(pcaps + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// send posts files and returns what comes back.
func send(ctx context.Context, t *testing.T, files map[string][]byte) (status int, body string) {
	t.Helper()
	data, contentType := form(t, files)
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", data)
	req.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	stitch(w, req)
	return w.Code, w.Body.String()
}

func TestUploads(t *testing.T) {
	eth0, lo := read(t, "inbound-plain-eth0.pcap"), read(t, "inbound-plain-lo.pcap")
	status, body := send(t.Context(), t, map[string][]byte{"eth0": eth0, "lo": lo})
	var a answer
	if err := json.Unmarshal([]byte(body), &a); err != nil || status != 200 || len(a.Paths) != 5 || a.Problem != "" {
		t.Fatalf("%d, %v: %s", status, err, body)
	}
	if p := a.Paths[0]; p.Client != "192.0.2.10:49748" || p.Server != "10.244.2.20:8080" || p.Direction != "inbound" || len(p.Exchanges) != 5 {
		t.Errorf("the first path is %+v", p)
	}
	status, body = send(t.Context(), t, map[string][]byte{"eth0": eth0, "lo": []byte("no capture at all")})
	if err := json.Unmarshal([]byte(body), &a); err != nil || status != 200 || len(a.Paths) != 5 || !strings.HasPrefix(a.Problem, "lo.pcap: ") {
		t.Errorf("with one bad file: %d, %v: %s", status, err, body)
	}
}

func TestRefusals(t *testing.T) {
	if status, body := send(t.Context(), t, map[string][]byte{"eth0": []byte("no capture")}); status != http.StatusUnprocessableEntity || !strings.Contains(body, "no capture file") {
		t.Errorf("no capture: %d %s", status, body)
	}
	w := httptest.NewRecorder()
	if stitch(w, httptest.NewRequest(http.MethodGet, "/", nil)); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", w.Code)
	}
	w = httptest.NewRecorder()
	if stitch(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("x"))); w.Code != http.StatusBadRequest {
		t.Errorf("no form: %d", w.Code)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, body := send(ctx, t, map[string][]byte{"eth0": read(t, "inbound-plain-eth0.pcap")}); body != "" {
		t.Errorf("to one that went away: %s", body)
	}
}
