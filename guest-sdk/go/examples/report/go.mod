module report

go 1.27
