package main

import (
	"encoding/json"
	"strings"

	"sluicegate/sluice"
)

// Params are the parameters of the mode `params`, which shows them.
type Params struct {
	Mode  string   `json:"-"`
	Text  string   `json:"text"`
	Whole int64    `json:"whole"`
	Real  float64  `param:"real,default=1.5" json:"real"`
	Flag  bool     `param:"flag,optional" json:"flag"`
	List  []string `param:"list,default=[]" json:"list"`
}

func bindParams(plan *sluice.Plan, raw sluice.RawParams) (sluice.Transform, error) {
	var params Params
	if err := sluice.ParseParams(string(raw), &params); err != nil {
		return nil, err
	}
	var shown strings.Builder
	encoder := json.NewEncoder(&shown)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(params); err != nil {
		return nil, err
	}
	plan.PassAll().Compute(sluice.NewField("params", sluice.Utf8).NotNull()).Stateless()
	return process(func(batch *sluice.Batch, out *sluice.Output) error {
		return out.All(sluice.Repeat(strings.TrimSpace(shown.String()), batch.Rows()))
	}), nil
}
