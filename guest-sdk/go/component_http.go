//go:build wasip1

package sluice

// Requests over HTTP, by hand: the part of wasi:http@0.2.12 that sends one, in the canonical ABI.

import (
	"slices"
	"strconv"
	"strings"
	"unsafe"
)

//go:wasmimport wasi:http/outgoing-handler@0.2.12 handle
func httpHandle(request, hasOptions, options uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [static]fields.from-list
func httpFields(pairs, n uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [method]fields.entries
func httpEntries(fields uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [resource-drop]fields
func httpDropFields(fields uint32)

//go:wasmimport wasi:http/types@0.2.12 [constructor]outgoing-request
func httpRequest(fields uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-request.set-method
func httpSetMethod(request, method, other, n uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-request.set-scheme
func httpSetScheme(request, some, scheme, other, n uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-request.set-authority
func httpSetAuthority(request, some, authority, n uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-request.set-path-with-query
func httpSetPath(request, some, path, n uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-request.body
func httpBody(request uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [resource-drop]outgoing-request
func httpDropRequest(request uint32)

//go:wasmimport wasi:http/types@0.2.12 [method]outgoing-body.write
func httpBodyWrite(body uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [static]outgoing-body.finish
func httpBodyFinish(body, hasTrailers, trailers uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [resource-drop]outgoing-body
func httpDropBody(body uint32)

//go:wasmimport wasi:http/types@0.2.12 [constructor]request-options
func httpOptions() uint32

//go:wasmimport wasi:http/types@0.2.12 [method]request-options.set-connect-timeout
func httpSetConnect(options, some uint32, nanos uint64) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]request-options.set-first-byte-timeout
func httpSetFirstByte(options, some uint32, nanos uint64) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]request-options.set-between-bytes-timeout
func httpSetBetweenBytes(options, some uint32, nanos uint64) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]future-incoming-response.subscribe
func httpSubscribe(future uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]future-incoming-response.get
func httpGet(future uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [resource-drop]future-incoming-response
func httpDropFuture(future uint32)

//go:wasmimport wasi:http/types@0.2.12 [method]incoming-response.status
func httpStatus(response uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]incoming-response.headers
func httpHeaders(response uint32) uint32

//go:wasmimport wasi:http/types@0.2.12 [method]incoming-response.consume
func httpConsume(response uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [resource-drop]incoming-response
func httpDropResponse(response uint32)

//go:wasmimport wasi:http/types@0.2.12 [method]incoming-body.stream
func httpStream(body uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.12 [resource-drop]incoming-body
func httpDropIncoming(body uint32)

//go:wasmimport wasi:http/types@0.2.12 http-error-code
func httpCodeOf(err uint32, result unsafe.Pointer)

//go:wasmimport wasi:io/poll@0.2.12 [method]pollable.block
func httpBlock(pollable uint32)

//go:wasmimport wasi:io/poll@0.2.12 [resource-drop]pollable
func httpDropPollable(pollable uint32)

//go:wasmimport wasi:io/error@0.2.12 [resource-drop]error
func httpDropError(err uint32)

//go:wasmimport wasi:io/streams@0.2.12 [method]input-stream.blocking-read
func httpRead(stream uint32, n uint64, result unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.12 [resource-drop]input-stream
func httpDropInput(stream uint32)

//go:wasmimport wasi:io/streams@0.2.12 [method]output-stream.blocking-write-and-flush
func httpWrite(stream, bytes, n uint32, result unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.12 [resource-drop]output-stream
func httpDropOutput(stream uint32)

const (
	// httpPieceBytes is the bytes of a body that are asked for at once.
	httpPieceBytes = 64 << 10
	// httpWrittenMax is the bytes that may be written and flushed in one call, by the contract of streams.
	httpWrittenMax = 4096
)

// Results as they lie in memory.
type (
	httpCode struct {
		code uint8
		_    [0]uint64 // the widest of its payloads aligns them all
		some uint8     // with text, the payload of the last case
		text wireList
		_    [8]byte
	}
	httpOwnOrCode struct {
		failed uint8
		code   httpCode // or a handle
	}
	httpAnswer struct {
		some, taken uint64 // a byte each
		answer      httpOwnOrCode
	}
	httpOwn struct {
		failed uint8
		handle uint32
	}
	httpStreamed struct {
		failed uint8
		bytes  wireList // or a byte that says closed, and the handle of an error
	}
	httpOptionCode struct {
		some uint8
		code httpCode
	}
)

// Results of calls lie on the heap, as globals, and are read before the next call.
var httpResult struct {
	ownOrCode httpOwnOrCode
	answer    httpAnswer
	own       httpOwn
	streamed  httpStreamed
	code      httpOptionCode
	entries   wireList
}

func (r *httpOwnOrCode) handle() uint32 { return *(*uint32)(unsafe.Pointer(&r.code)) }

// httpCodes is the cases of `error-code`, in their order: what each is for a transform, in words. The last says so itself.
var httpCodes = [...]struct {
	kind  *AccessError
	words string
}{
	{ErrTimeout, "the name of the host was not found in time"},
	{ErrConnection, "the name of the host was not found"},
	{ErrConnection, "the destination was not found"},
	{ErrConnection, "the destination is unavailable"},
	{ErrDenied, "the address of the host is prohibited"},
	{ErrConnection, "there is no route to the host"},
	{ErrConnection, "the connection was refused"},
	{ErrConnection, "the connection was terminated"},
	{ErrTimeout, "there was no connection in time"},
	{ErrTimeout, "reading took too long"},
	{ErrTimeout, "writing took too long"},
	{ErrConnection, "there are too many connections"},
	{ErrConnection, "the protocol of TLS failed"},
	{ErrConnection, "the certificate is not trusted"},
	{ErrConnection, "TLS ended with an alert"},
	{ErrDenied, "the step does not declare it, or a policy refuses it"},
	{ErrOther, "the request needs a length"},
	{ErrTooLarge, "the body of the request is too large"},
	{ErrOther, "the method is invalid"},
	{ErrOther, "the URL is invalid"},
	{ErrOther, "the URL is too long"},
	{ErrOther, "the headers of the request are too large"},
	{ErrOther, "a header of the request is too large"},
	{ErrOther, "the trailers of the request are too large"},
	{ErrOther, "a trailer of the request is too large"},
	{ErrConnection, "the response is incomplete"},
	{ErrTooLarge, "the headers of the response are too large"},
	{ErrTooLarge, "a header of the response is too large"},
	{ErrTooLarge, "the body of the response is too large"},
	{ErrOther, "the trailers of the response are too large"},
	{ErrOther, "a trailer of the response is too large"},
	{ErrOther, "the response has an unknown encoding of its transfer"},
	{ErrOther, "the response has an unknown encoding of its content"},
	{ErrTimeout, "there was no response in time"},
	{ErrOther, "an upgrade failed"},
	{ErrOther, "the response is no HTTP"},
	{ErrOther, "the request goes in circles"},
	{ErrOther, "the client is not configured for it"},
	{ErrOther, "the request failed"},
}

func (c *httpCode) error() *AccessError {
	last := len(httpCodes) - 1
	told := httpCodes[min(int(c.code), last)]
	if int(c.code) >= last && c.some != 0 {
		told.words = liftString(c.text)
	}
	return told.kind.because(told.words)
}

// streamed is why the last call to a stream failed; nil where it did not, or where the stream has ended.
func streamed() (closed bool, err *AccessError) {
	result := &httpResult.streamed
	if result.failed == 0 {
		return false, nil
	}
	if uint8(result.bytes.at) != 0 {
		return true, nil
	}
	httpCodeOf(result.bytes.n, unsafe.Pointer(&httpResult.code))
	httpDropError(result.bytes.n)
	if httpResult.code.some != 0 {
		return true, httpResult.code.code.error()
	}
	return true, ErrConnection.because("the connection was closed")
}

var httpMethods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}

func send(r *Request, t target) (*Response, *AccessError) {
	defer unpin()
	outgoing, err := outgoing(r, t)
	if err != nil {
		return nil, err
	}
	// A host that knows no such option has timeouts of its own.
	options, nanos := httpOptions(), uint64(r.Timeout.Nanoseconds())
	httpSetConnect(options, 1, nanos)
	httpSetFirstByte(options, 1, nanos)
	httpSetBetweenBytes(options, 1, nanos)
	// The body has to be taken out of a request before that is sent, and is written afterwards.
	body := httpOwn{failed: 1}
	if len(r.Body) > 0 {
		httpBody(outgoing, unsafe.Pointer(&httpResult.own))
		body = httpResult.own
	}
	httpHandle(outgoing, 1, options, unsafe.Pointer(&httpResult.ownOrCode))
	if httpResult.ownOrCode.failed != 0 {
		if body.failed == 0 {
			httpDropBody(body.handle)
		}
		return nil, httpResult.ownOrCode.code.error()
	}
	future, written := httpResult.ownOrCode.handle(), (*AccessError)(nil)
	if body.failed == 0 {
		written = writeBody(body.handle, r.Body)
	}
	// A server may refuse a body and respond all the same; if it did not, the response says best what happened.
	incoming, err := await(future)
	if err != nil {
		return nil, err
	}
	response, err := receive(r, incoming)
	if written != nil {
		err = written
	}
	return response, err
}

func outgoing(r *Request, t target) (uint32, *AccessError) {
	var pairs [][2]wireList
	for _, pair := range r.Header.pairs() {
		pairs = append(pairs, [2]wireList{lowerValid(pair[0]), lowerValid(pair[1])})
	}
	if len(r.Body) > 0 && r.Header.Get("content-length") == "" {
		pairs = append(pairs, [2]wireList{lowerString("content-length"), lowerString(strconv.Itoa(len(r.Body)))})
	}
	list := lower(pairs)
	httpFields(list.at, list.n, unsafe.Pointer(&httpResult.own))
	if httpResult.own.failed != 0 {
		return 0, ErrOther.because("its header is malformed")
	}
	request, scheme := httpRequest(httpResult.own.handle), uint32(0)
	if t.tls {
		scheme = 1
	}
	method, other := slices.Index(httpMethods, r.Method), lowerValid(r.Method)
	if method < 0 {
		method = len(httpMethods)
	}
	authority, path := lowerValid(t.authority), lowerValid(t.path)
	wrong := ""
	switch {
	case httpSetMethod(request, uint32(method), other.at, other.n) != 0:
		wrong = "method"
	case httpSetScheme(request, 1, scheme, 0, 0) != 0:
		wrong = "scheme"
	case httpSetAuthority(request, 1, authority.at, authority.n) != 0:
		wrong = "host"
	case httpSetPath(request, 1, path.at, path.n) != 0:
		wrong = "path"
	default:
		return request, nil
	}
	httpDropRequest(request)
	return 0, ErrOther.because("its " + wrong + " is malformed")
}

func writeBody(body uint32, bytes []byte) (err *AccessError) {
	httpBodyWrite(body, unsafe.Pointer(&httpResult.own))
	stream := httpResult.own.handle
	for piece := range slices.Chunk(bytes, httpWrittenMax) {
		list := lower(piece)
		httpWrite(stream, list.at, list.n, unsafe.Pointer(&httpResult.streamed))
		closed, why := streamed()
		if closed && why == nil {
			why = ErrConnection.because("the connection was closed")
		}
		if err = why; err != nil {
			break
		}
	}
	httpDropOutput(stream)
	if err != nil {
		httpDropBody(body)
		return err
	}
	httpBodyFinish(body, 0, 0, unsafe.Pointer(&httpResult.ownOrCode))
	if httpResult.ownOrCode.failed != 0 {
		return httpResult.ownOrCode.code.error()
	}
	return nil
}

func await(future uint32) (uint32, *AccessError) {
	answer := &httpResult.answer
	for httpGet(future, unsafe.Pointer(answer)); uint8(answer.some) == 0; httpGet(future, unsafe.Pointer(answer)) {
		pollable := httpSubscribe(future)
		httpBlock(pollable)
		httpDropPollable(pollable)
	}
	httpDropFuture(future)
	if uint8(answer.taken) != 0 {
		return 0, ErrOther.because("its response was taken twice")
	}
	if answer.answer.failed != 0 {
		return 0, answer.answer.code.error()
	}
	return answer.answer.handle(), nil
}

func receive(r *Request, incoming uint32) (*Response, *AccessError) {
	fields := httpHeaders(incoming)
	httpEntries(fields, unsafe.Pointer(&httpResult.entries))
	httpDropFields(fields)
	response := &Response{Status: int(httpStatus(incoming)), Header: Header{}}
	for _, pair := range lift[[2]wireList](httpResult.entries) {
		name := strings.ToLower(liftString(pair[0]))
		response.Header[name] = append(response.Header[name], liftString(pair[1]))
	}
	httpConsume(incoming, unsafe.Pointer(&httpResult.own))
	body := httpResult.own.handle
	httpStream(body, unsafe.Pointer(&httpResult.own))
	stream := httpResult.own.handle
	err := readBody(r, stream, response)
	httpDropInput(stream)
	httpDropIncoming(body)
	httpDropResponse(incoming)
	return response, err
}

func readBody(r *Request, stream uint32, response *Response) *AccessError {
	for {
		httpRead(stream, httpPieceBytes, unsafe.Pointer(&httpResult.streamed))
		if closed, err := streamed(); closed {
			return err
		}
		response.Body = append(response.Body, lift[byte](httpResult.streamed.bytes)...)
		unpin()
		if len(response.Body) > r.BodyBytesMax {
			return r.tooLarge()
		}
	}
}
