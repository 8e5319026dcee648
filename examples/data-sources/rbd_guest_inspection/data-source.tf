data "rbd_guest_inspection" "golden" {
  image = "images/debian-12@golden"

  lifecycle {
    # An image whose console nobody can read does not get any further
    postcondition {
      condition     = alltrue([for os in self.operating_systems : os.serial_console != false])
      error_message = "No boot loader of the image gives its kernel a serial console."
    }
  }
}

output "operating_system" {
  value = data.rbd_guest_inspection.golden.operating_systems[0].product_name
}
