module go_channels

go 1.19
