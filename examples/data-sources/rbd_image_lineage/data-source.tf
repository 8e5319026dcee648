data "rbd_image_lineage" "debian" {
  image = "images/debian-12"
}

# All that would have to be flattened or removed first
output "clones" {
  value = [
    for n in data.rbd_image_lineage.debian.nodes : n.spec
    if n.relation == "descendant"
  ]
}

# A page for the wiki
output "page" {
  value = <<-TEXT
    # Clones of debian-12

    ```mermaid
    ${chomp(data.rbd_image_lineage.debian.mermaid)}
    ```
  TEXT
}
