data_center = {
  fsid      = "4b5c8c0a-ff60-454b-a1b4-9747aa737d19"
  conf_file = "/etc/ceph/dc1.conf"
  cloud     = "dc1"
}
