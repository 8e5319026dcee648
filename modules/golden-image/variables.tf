variable "name" {
  description = "Name of the image in Glance, such as `Debian 12`. Releases that are not current have their key behind it."
  type        = string

  validation {
    condition     = length(var.name) > 0 && length(var.name) <= 200
    error_message = "Want a name of 1 to 200 characters."
  }
}

variable "image_name" {
  description = "What the names in RBD begin with. Default: `name` in small letters, with `-` for what is neither letter, digit nor dot."
  type        = string
  default     = null

  validation {
    condition     = var.image_name == null || can(regex("^[A-Za-z0-9][A-Za-z0-9._-]*$", var.image_name))
    error_message = "Want letters, digits, dots, underscores and dashes."
  }
}

variable "data_center" {
  description = <<-TEXT
    Where the image is made and registered. What is not given is as Glance and RBD have it by default.

    - `fsid`: the cluster that is meant; in any other nothing is done.
    - `pool`: the pool of Glance's store.
    - `cloud`: the entry of clouds.yaml, for the provider block of the root module. This module does not use it.
    - `visibility`, `members`, `store`, `protection`: as of `rbd_glance_image_location`.
    - `keep`: how many releases stay, the newest by their keys; the current one always does. Default: all.
    - `retired`: what becomes of the others: `delete`, which the plan refuses while clones depend on one, or `hide`:
      record, snapshot and image stay for whoever uses them, and leave the state.
  TEXT
  type = object({
    fsid       = string
    pool       = optional(string, "images")
    cloud      = optional(string)
    visibility = optional(string, "private")
    members    = optional(set(string))
    store      = optional(string)
    protection = optional(string, "guard")
    keep       = optional(number)
    retired    = optional(string, "delete")
  })

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.data_center.fsid))
    error_message = "fsid: want what `ceph fsid` prints."
  }
  validation {
    condition     = contains(["private", "shared", "community", "public"], var.data_center.visibility)
    error_message = "visibility: want private, shared, community or public."
  }
  validation {
    condition     = var.data_center.members == null || var.data_center.visibility == "shared"
    error_message = "members: only an image with visibility = \"shared\" has any."
  }
  validation {
    condition     = var.data_center.keep == null ? true : var.data_center.keep >= 1 && floor(var.data_center.keep) == var.data_center.keep
    error_message = "keep: want a whole number from 1 on."
  }
  validation {
    condition     = contains(["delete", "hide"], var.data_center.retired)
    error_message = "retired: want delete or hide."
  }
}

variable "current" {
  description = "Key of the release that `openstack image list` shows. Another one, also an older one, is a change in place: no image gets another ID."
  type        = string

  validation {
    condition     = contains(keys(var.releases), var.current)
    error_message = "Want a key of releases: ${join(", ", keys(var.releases))}."
  }
}

variable "releases" {
  description = <<-TEXT
    The releases by their keys, such as dates. The keys must sort by age. Each says all of how it is made, and should never
    change: another content is another release. Steps that are left out are not done. Their order is this:

    - `source`: as of `rbd_image_conversion`, with `size` to grow the disk to.
    - `grow`: partition and file system grow with it, as by `rbd_guest_filesystem_growth`.
    - `customization`: as of `rbd_guest_customization`.
    - `sysprep`: as of `rbd_guest_sysprep`; `{}` for its defaults.
    - `files`: as of `rbd_guest_file_edit`, after sysprep, which removes some.
    - `boot_check`: as of `rbd_guest_boot_check`. What does not come up is not registered.
    - `properties`, `tags`, `min_disk`, `min_ram`: of the record in Glance.
    - `build_date`: `YYYY-MM-DD`, with `scs`. Default: the key, where it is one.
  TEXT
  type = map(object({
    source = object({
      format              = string
      file                = optional(string)
      url                 = optional(string)
      image               = optional(string)
      md5                 = optional(string)
      sha256              = optional(string)
      sha512              = optional(string)
      checksums_url       = optional(string)
      published_name      = optional(string)
      archive_member      = optional(string)
      allow_backing_chain = optional(bool)
      allow_any_content   = optional(bool)
    })
    size     = optional(string)
    sparsify = optional(bool)
    grow     = optional(bool, false)
    customization = optional(object({
      packages         = optional(list(string))
      install          = optional(list(string))
      mkdir            = optional(list(string))
      upload           = optional(map(string))
      run              = optional(list(string))
      run_command      = optional(list(string))
      enable_services  = optional(list(string))
      disable_services = optional(list(string))
      delete           = optional(list(string))
      hostname         = optional(string)
      timezone         = optional(string)
      selinux_relabel  = optional(bool)
      network          = optional(bool)
      triggers         = optional(map(string))
    }))
    sysprep = optional(object({
      operations          = optional(set(string))
      disabled_operations = optional(set(string))
    }))
    files = optional(map(object({
      content        = optional(string)
      content_base64 = optional(string)
      copy_from      = optional(string)
      link_target    = optional(string)
      directory      = optional(bool)
      empty          = optional(bool)
      absent         = optional(bool)
      replace_lines  = optional(list(object({ pattern = string, line = string })))
      remove_lines   = optional(list(string))
      append_lines   = optional(list(string))
      mode           = optional(string)
      uid            = optional(number)
      gid            = optional(number)
    })))
    boot_check = optional(object({
      console_pattern = optional(string)
      failure_pattern = optional(string)
      ssh_banner      = optional(string)
      boot_timeout    = optional(string)
      network         = optional(string)
      firmware        = optional(string)
      architecture    = optional(string)
      disk_bus        = optional(string)
      memory          = optional(string)
      cpus            = optional(number)
    }))
    properties = optional(map(string), {})
    tags       = optional(set(string), [])
    min_disk   = optional(number)
    min_ram    = optional(number)
    build_date = optional(string)
  }))

  validation {
    condition     = alltrue([for key in keys(var.releases) : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]*$", key))])
    error_message = "Keys become parts of names: want letters, digits, dots, underscores and dashes."
  }
  validation {
    condition = alltrue([for release in values(var.releases) :
    length([for place in [release.source.file, release.source.url, release.source.image] : place if place != null]) == 1])
    error_message = "A source has one of file, url and image."
  }
  validation {
    condition     = alltrue([for release in values(var.releases) : release.files == null || try(length(release.files) > 0, false)])
    error_message = "files: name some, or leave it out."
  }
  validation {
    condition     = alltrue([for release in values(var.releases) : release.build_date == null || can(regex("^\\d{4}-\\d\\d-\\d\\d( \\d\\d:\\d\\d(:\\d\\d)?)?$", release.build_date))])
    error_message = "build_date: want YYYY-MM-DD, with a time in UTC or without."
  }
}

variable "scs" {
  description = <<-TEXT
    The image's metadata by the standard SCS-0102. With it the records have the properties that the standard wants, and what
    is missing is refused. `uuid_validity` defaults to `last-N` of `data_center.keep`, or else to `notice`.
  TEXT
  type = object({
    architecture        = optional(string, "x86_64")
    os_distro           = string
    os_version          = string
    os_purpose          = optional(string, "generic")
    hw_disk_bus         = optional(string, "scsi")
    hw_rng_model        = optional(string, "virtio")
    min_ram             = number
    image_source        = string
    image_description   = string
    image_original_user = string
    replace_frequency   = string
    provided_until      = string
    uuid_validity       = optional(string)
    hotfix_hours        = optional(number)
    patchlevel          = optional(string)
    maintained_until    = optional(string)
  })
  default = null

  validation {
    condition     = var.scs == null ? true : contains(["generic", "minimal", "k8snode", "gpu", "network", "custom"], var.scs.os_purpose)
    error_message = "os_purpose: want generic, minimal, k8snode, gpu, network or custom."
  }
  validation {
    condition     = var.scs == null ? true : contains(["yearly", "quarterly", "monthly", "weekly", "daily", "critical_bug", "never"], var.scs.replace_frequency)
    error_message = "replace_frequency: want yearly, quarterly, monthly, weekly, daily, critical_bug or never."
  }
  validation {
    condition     = var.scs == null ? true : can(regex("^(none|notice|\\d{4}-\\d\\d-\\d\\d)$", var.scs.provided_until))
    error_message = "provided_until: want YYYY-MM-DD, notice or none."
  }
  validation {
    condition     = var.scs == null ? true : var.scs.uuid_validity == null || can(regex("^(none|notice|forever|last-[1-9]\\d*|\\d{4}-\\d\\d-\\d\\d)$", var.scs.uuid_validity))
    error_message = "uuid_validity: want none, notice, forever, last-N or YYYY-MM-DD."
  }
  validation {
    condition     = var.scs == null ? true : can(regex("^(private$|https?://)", var.scs.image_source))
    error_message = "image_source: want a URL, or private."
  }
  validation {
    condition = var.scs == null ? true : alltrue([for key, release in var.releases :
    release.build_date != null || can(regex("^\\d{4}-\\d\\d-\\d\\d$", key))])
    error_message = "With scs each release has a build_date, or a key that is one."
  }
}
