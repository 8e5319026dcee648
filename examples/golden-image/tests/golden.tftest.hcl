# `terraform test`: the configuration by itself, without Ceph, Glance or an image, on
# any machine. What the provider would answer is made up here.

mock_provider "rbd" {
  mock_data "rbd_cluster" {
    defaults = {
      fsid    = "4b5c8c0a-ff60-454b-a1b4-9747aa737d19"
      version = "18.2.7"
    }
  }

  mock_resource "rbd_image_conversion" {
    defaults = { spec = "images/debian-12" }
  }

  mock_resource "rbd_guest_file_edit" {
    defaults = { spec = "images/debian-12", revision = "1f0c" }
  }

  mock_resource "rbd_snapshot" {
    defaults = { spec = "images/debian-12@golden-1f0c" }
  }
}

variables {
  source_file = "debian-12.qcow2"
  fsid        = "4b5c8c0a-ff60-454b-a1b4-9747aa737d19"
}

run "golden_image" {
  assert {
    condition     = rbd_guest_file_edit.golden.image == rbd_image_conversion.golden.spec
    error_message = "What is edited is not what was converted."
  }

  assert {
    condition     = rbd_snapshot.golden.name == "golden-1f0c"
    error_message = "The snapshot's name does not tell the edit."
  }

  assert {
    condition     = rbd_glance_image_location.golden.snapshot == "images/debian-12@golden-1f0c"
    error_message = "Another snapshot is registered."
  }

  assert {
    condition     = output.cluster == "Ceph 18.2.7, fsid 4b5c8c0a-ff60-454b-a1b4-9747aa737d19"
    error_message = "The output does not tell the cluster."
  }
}

run "other_size" {
  command = plan

  variables {
    size = "10GiB"
  }

  assert {
    condition     = rbd_image_conversion.golden.size == "10GiB"
    error_message = "The size does not reach the conversion."
  }
}
