// Hashes, redacts or truncates columns, irreversibly; the masked column stands in the place of the original.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strconv"

	"sluicegate/sluice"
)

const (
	keyBytesMin = 16 // a shorter key could be found by trying all
	digitsMin   = 16 // fewer would give two values the same hash too often
	digitsMax   = 64
)

type params struct {
	Hash      []string `param:"hash,optional"`     // text or integers, replaced by a keyed hash
	Redact    []string `param:"redact,optional"`   // any type, replaced by Redaction; these never enter the sandbox
	Truncate  []string `param:"truncate,optional"` // text, cut after Keep characters
	Key       string   `param:"key,optional"`      // of the hash, at least 16 bytes
	Digits    int      `param:"digits,default=64"` // how many hexadecimal digits of the hash to keep
	Redaction string   `param:"redaction,default=***"`
	Keep      uint     `param:"keep,default=1"`
}

type mask struct {
	params
	masks []func(*sluice.Batch) sluice.Computed
	hmac  hash.Hash
}

func bind(plan *sluice.Plan, params params) (sluice.Transform, error) {
	m := &mask{params: params}
	plan.PassAll().Stateless()
	replace := func(name string, nullable bool, masked func(*sluice.Batch) sluice.Computed) {
		plan.Replace(sluice.Field{Name: name, Type: sluice.Utf8, Nullable: nullable})
		m.masks = append(m.masks, masked)
	}
	for _, name := range params.Hash {
		replace(name, plan.Field(name).Nullable, m.hashed(plan, name))
	}
	for _, name := range params.Truncate {
		replace(name, plan.Field(name).Nullable, m.truncated(plan, name))
	}
	for _, name := range params.Redact {
		plan.Field(name)
		replace(name, false, func(batch *sluice.Batch) sluice.Computed {
			return sluice.Repeat(params.Redaction, batch.Rows())
		})
	}
	switch {
	case plan.Err() != nil:
		return nil, plan.Err()
	case len(m.masks) == 0:
		return nil, sluice.Invalid("no column to mask; set `hash`, `redact` or `truncate`")
	case len(params.Hash) > 0 && len(params.Key) < keyBytesMin:
		return nil, sluice.Invalid("parameter `key` has fewer than %d bytes; `hash` needs it", keyBytesMin)
	case len(params.Hash) > 0 && (params.Digits < digitsMin || params.Digits > digitsMax):
		return nil, sluice.Invalid("parameter `digits` is not between %d and %d", digitsMin, digitsMax)
	}
	m.hmac = hmac.New(sha256.New, []byte(params.Key))
	return m, nil
}

func (m *mask) Process(batch *sluice.Batch, out *sluice.Output) error {
	var masked []sluice.Computed
	for _, mask := range m.masks {
		masked = append(masked, mask(batch))
	}
	return out.All(masked...)
}

func (m *mask) hashed(plan *sluice.Plan, name string) func(*sluice.Batch) sluice.Computed {
	if plan.Field(name).Type.IsInteger() {
		numbers := plan.Integers(name)
		return func(batch *sluice.Batch) sluice.Computed {
			return sluice.Map(numbers.In(batch), func(n int64) string { return m.digest(strconv.FormatInt(n, 10)) })
		}
	}
	texts := plan.Text(name)
	return func(batch *sluice.Batch) sluice.Computed { return sluice.MapText(texts.In(batch), m.digest) }
}

func (m *mask) digest(text string) string {
	var sum [sha256.Size]byte
	m.hmac.Reset()
	m.hmac.Write([]byte(text))
	return hex.EncodeToString(m.hmac.Sum(sum[:0]))[:m.Digits]
}

func (m *mask) truncated(plan *sluice.Plan, name string) func(*sluice.Batch) sluice.Computed {
	texts := plan.Text(name)
	return func(batch *sluice.Batch) sluice.Computed {
		return sluice.MapText(texts.In(batch), func(text string) string { return firstChars(text, m.Keep) })
	}
}

// firstChars is the first n characters of a text.
func firstChars(text string, n uint) string {
	for at := range text {
		if n == 0 {
			return text[:at]
		}
		n--
	}
	return text
}

func init() { sluice.Export(bind) }
func main() {}
