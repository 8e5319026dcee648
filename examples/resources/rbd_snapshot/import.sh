# pool[/namespace]/image@snapshot
terraform import rbd_snapshot.golden images/debian-12@golden
