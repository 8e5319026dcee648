variable "source_file" {
  description = "The publisher's image, a qcow2."
  type        = string
}

variable "fsid" {
  description = "The cluster that is meant; any other is refused."
  type        = string
}

variable "pool" {
  description = "Pool of Glance's rbd store."
  type        = string
  default     = "images"
}

variable "name" {
  description = "Name of the RBD image and of the Glance image."
  type        = string
  default     = "debian-12"
}

variable "size" {
  description = "Size of the golden image."
  type        = string
  default     = "3GiB"
}
