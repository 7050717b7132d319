package main

import "sluicegate/sluice"

func bindMissing(plan *sluice.Plan) sluice.Transform {
	plan.Integers("missing")
	return bindPass(plan)
}

func bindFault(fault func(string, ...any) error, message string) func(*sluice.Plan) sluice.Transform {
	return failing(func() error { return fault("%s", message) })
}

// failing binds a transform that passes everything, unless what it does first fails.
func failing(first func() error) func(*sluice.Plan) sluice.Transform {
	return func(plan *sluice.Plan) sluice.Transform {
		plan.PassAll().Stateless()
		return process(func(_ *sluice.Batch, out *sluice.Output) error {
			if err := first(); err != nil {
				return err
			}
			return out.All()
		})
	}
}

func bindPanic(plan *sluice.Plan) sluice.Transform {
	return failing(func() error {
		outer()
		return nil
	})(plan)
}

//go:noinline
func outer() { inner() }

//go:noinline
func inner() { panic("boom") }

func bindLog(plan *sluice.Plan) sluice.Transform {
	for level := sluice.LevelTrace; level <= sluice.LevelError; level++ {
		sluice.Log(level, "hello")
	}
	return bindPass(plan)
}

var spins int

func bindSpin(plan *sluice.Plan) sluice.Transform {
	return failing(func() error {
		for {
			spins++
		}
	})(plan)
}

var grown [][]byte

func bindGrow(plan *sluice.Plan) sluice.Transform {
	const block = 1 << 20
	return failing(func() error {
		for {
			grown = append(grown, make([]byte, block))
		}
	})(plan)
}
