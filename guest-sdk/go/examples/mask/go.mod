module mask

go 1.27
