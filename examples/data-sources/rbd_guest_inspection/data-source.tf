data "rbd_guest_inspection" "golden" {
  image = "images/debian-12@golden"

  lifecycle {
    # An image that knows the network card of the machine it was made on does
    # not get any further
    postcondition {
      condition = alltrue([
        for os in self.operating_systems : os.no_fixed_mac_addresses && os.serial_console != false
      ])
      error_message = "The image is not ready for a cloud."
    }
  }
}

output "operating_system" {
  value = data.rbd_guest_inspection.golden.operating_systems[0].product_name
}
