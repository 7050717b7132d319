// Numbers the sessions of users: a session ends with a gap in time.
package main

import (
	"math"
	"strconv"
	"strings"

	"sluicegate/sluice"
)

type params struct {
	User       string  `param:"user,default=user"`        // the column that tells users apart, text or integers
	Time       string  `param:"time,default=time"`        // the column of event times, timestamps or integers
	TimeUnit   string  `param:"time_unit,default=s"`      // what an integer time counts: s, ms, us or ns
	GapMinutes float64 `param:"gap_minutes,default=30.0"` // a longer pause than this starts a new session
}

type session struct {
	number      uint64 // counted from one for each user
	start, last int64
}

type sessionize struct {
	user  func(*sluice.Batch) func(row int) (string, bool)
	time  sluice.Values[int64]
	gap   int64
	users map[string]*session
}

func bind(plan *sluice.Plan, params params) (sluice.Transform, error) {
	s := &sessionize{user: users(plan, params.User), time: sluice.Read[int64](plan, params.Time), users: map[string]*session{}}
	time := plan.Field(params.Time).Type
	if plan.Err() == nil && time.Kind != sluice.KindInt64 && time.Kind != sluice.KindTimestamp {
		return nil, sluice.Invalid("column `%s` is of type %s, expected a timestamp or Int64", params.Time, time)
	}
	plan.PassAll().
		Compute(sluice.NewField("session_id", sluice.Utf8).NotNull()).
		Compute(sluice.NewField("session_start", time).NotNull())
	unit := params.TimeUnit
	if time.Kind == sluice.KindTimestamp {
		unit = time.Unit.String()
	}
	var err error
	s.gap, err = ticks(unit, params.GapMinutes)
	return s, err
}

// ticks is so many minutes in a unit, rounded down.
func ticks(unit string, minutes float64) (int64, error) {
	const ticksMax = 1 << 62 // so that no gap comes near the end of 64 bits
	perMinute, known := map[string]float64{"s": 60e0, "ms": 60e3, "us": 60e6, "ns": 60e9}[unit]
	if !known {
		return 0, sluice.Invalid("parameter `time_unit` is `%s`, expected one of `s`, `ms`, `us`, `ns`", unit)
	}
	ticks := math.Floor(minutes * perMinute)
	if !(minutes > 0 && ticks <= ticksMax) {
		return 0, sluice.Invalid("parameter `gap_minutes` of %v is out of range", minutes)
	}
	return int64(ticks), nil
}

// users reads the column that tells users apart, as text.
func users(plan *sluice.Plan, name string) func(*sluice.Batch) func(row int) (string, bool) {
	if plan.Field(name).Type.IsInteger() {
		numbers := plan.Integers(name)
		return func(batch *sluice.Batch) func(int) (string, bool) {
			column := numbers.In(batch)
			return func(row int) (string, bool) {
				number, known := column.Get(row)
				return strconv.FormatInt(number, 10), known
			}
		}
	}
	texts := plan.Text(name)
	return func(batch *sluice.Batch) func(int) (string, bool) { return texts.In(batch).Get }
}

func (s *sessionize) Process(batch *sluice.Batch, out *sluice.Output) error {
	users, times := s.user(batch), s.time.In(batch)
	ids, starts := sluice.NewColumn[string](batch.Rows()), sluice.NewColumn[int64](batch.Rows())
	kept := make(sluice.Bitmap, (batch.Rows()+7)/8)
	for row := range batch.Rows() {
		user, hasUser := users(row)
		time, hasTime := times.Get(row)
		switch {
		case !hasUser:
			out.Reject(row, "the user is null")
			continue
		case !hasTime:
			out.Reject(row, "the time is null")
			continue
		}
		at := s.at(user, time)
		if at == nil {
			return sluice.Data("row %d of the batch: the time of user `%s` goes back from %d to %d; "+
				"set `partition_by` to the user and `order_by` to the time in this step", row, user, s.users[user].last, time)
		}
		kept.Set(row)
		ids.Append(user + "-" + strconv.FormatUint(at.number, 10))
		starts.Append(at.start)
	}
	return out.Filter(sluice.WhereBits(kept, batch.Rows()), ids, starts)
}

// at is the session of a user at a time; nil where the user was seen later.
func (s *sessionize) at(user string, time int64) *session {
	at, known := s.users[user]
	switch {
	case !known:
		at = &session{1, time, time}
		// A copy, since the string of a batch would keep all texts of the batch in memory.
		s.users[strings.Clone(user)] = at
	case time < at.last:
		return nil
	case time-at.last > s.gap || time-at.last < 0: // less than zero where the difference overflows
		*at = session{at.number + 1, time, time}
	}
	at.last = time
	return at
}

func init() { sluice.Export(bind) }
func main() {}
