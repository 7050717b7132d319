module sessionize

go 1.27
