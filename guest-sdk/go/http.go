package sluice

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// BodyBytesMax is the bytes of a response's body that are accepted, unless a request names another bound: a transform has little
	// memory, and a server may send more than anybody asked for.
	BodyBytesMax = 8 << 20
	// Timeout is how long each part of a request may take, unless it says otherwise.
	Timeout = 30 * time.Second
)

// Request is a request over HTTP that the step declares. What is zero has its default.
type Request struct {
	// Method is in capitals; GET if empty.
	Method string
	// URL has a scheme, `http` or `https`, and a host.
	URL    string
	Header Header
	Body   []byte
	// Timeout is how long each of these may take: to connect, until the first byte of the response, between two pieces of its body.
	Timeout time.Duration
	// BodyBytesMax is the bytes of the response's body that are accepted.
	BodyBytesMax int
}

// Response is the response to a request, whatever its status.
type Response struct {
	Status int
	Header Header
	Body   []byte
}

// Header is headers by their names in lower case.
type Header map[string][]string

// Get is the first header of this name, whatever its case; empty where there is none.
func (h Header) Get(name string) string {
	if values := h[strings.ToLower(name)]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// Set sets a header, whatever the case of its name.
func (h Header) Set(name, value string) { h[strings.ToLower(name)] = []string{value} }

// pairs is the headers in the order of their names.
func (h Header) pairs() (pairs [][2]string) {
	for name, values := range h {
		for _, value := range values {
			pairs = append(pairs, [2]string{name, value})
		}
	}
	slices.SortStableFunc(pairs, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return pairs
}

// Send sends the request, and waits for the whole response. A status such as 404 is a response, and no error; no redirect is followed.
//
// What a step declares may include headers from secrets: the host adds them, and the transform never sees them.
func (r Request) Send() (*Response, error) {
	if r.Method == "" {
		r.Method = "GET"
	}
	if r.Timeout == 0 {
		r.Timeout = Timeout
	}
	if r.BodyBytesMax == 0 {
		r.BodyBytesMax = BodyBytesMax
	}
	var response *Response
	target, err := targetOf(r.URL)
	if err == nil {
		response, err = send(&r, target)
	}
	if err == nil && len(response.Body) > r.BodyBytesMax {
		err = r.tooLarge()
	}
	if err != nil {
		// What follows `?` is left out: there is where secrets stand.
		url := r.URL[:max(0, strings.IndexAny(r.URL+"?", "?#"))]
		return nil, err.of("%s %s", r.Method, url)
	}
	return response, nil
}

func (r *Request) tooLarge() *AccessError {
	return ErrTooLarge.because(fmt.Sprintf("the response has more than %d bytes", r.BodyBytesMax))
}

// target is the parts of a URL that a request is made of.
type target struct {
	tls             bool
	authority, path string
}

func targetOf(url string) (t target, err *AccessError) {
	scheme, rest, found := strings.Cut(url, "://")
	t.tls = strings.EqualFold(scheme, "https")
	// What follows `#` is for who looks at the response.
	rest, _, _ = strings.Cut(rest, "#")
	end := strings.IndexAny(rest+"/", "/?")
	t.authority, t.path = rest[:end], rest[end:]
	if !strings.HasPrefix(t.path, "/") {
		t.path = "/" + t.path
	}
	if !found || t.authority == "" || !t.tls && !strings.EqualFold(scheme, "http") {
		return t, ErrOther.because("it is no URL of http or https")
	}
	return t, nil
}
