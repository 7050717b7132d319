module sluicegate/sluice

go 1.27
