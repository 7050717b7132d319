module access

go 1.27
