module sales-etl

go 1.27
