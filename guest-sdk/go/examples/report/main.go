// Greets a server with the number of rows, and keeps its answer.
package main

import (
	"fmt"

	"sluicegate/sluice"
)

type report struct{ rows int }

func bind(plan *sluice.Plan, _ sluice.None) (sluice.Transform, error) {
	plan.PassAll()
	return &report{}, nil
}

func (r *report) Process(batch *sluice.Batch, out *sluice.Output) error {
	r.rows += batch.Rows()
	return out.All()
}

func (r *report) Finish(*sluice.Output) error {
	folder, err := sluice.OpenFolder("texts")
	if err != nil {
		return err
	}
	text, err := folder.ReadFile("greeting.txt", 1<<20)
	if err != nil {
		return err
	}
	token, err := sluice.ReadSecret("token")
	if err != nil {
		return err
	}
	request := sluice.Request{Method: "POST", URL: "https://example.com/reports", Body: fmt.Appendf(text, "%d rows\n", r.rows)}
	request.Header = sluice.Header{"authorization": {token}}
	response, err := request.Send()
	if err != nil {
		return err
	}
	return write(folder, response.Body)
}

func write(folder *sluice.Folder, answer []byte) error {
	writer, err := folder.Create("answer.txt")
	if err == nil {
		_, err = writer.Write(answer)
	}
	if err == nil {
		_, err = writer.Finish()
	}
	return err
}

func init() { sluice.Export(bind) }
func main() {}
