terraform {
  required_version = ">= 1.10"

  required_providers {
    rbd = {
      source  = "terraform-provider-rbd/rbd"
      version = "~> 0.1"
    }
  }
}
