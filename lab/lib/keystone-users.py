# SPDX-License-Identifier: MPL-2.0
"""keystone-users.py KEYSTONE-URL GLANCE-URL FOLDER

Makes the projects, users and the image endpoint that the lab needs, in a
Keystone that was just bootstrapped.  Passwords are read from
FOLDER/password.USER.
"""

import json
import sys
import urllib.request

keystone, glance, folder = sys.argv[1:]
token = None


def password(user):
    with open(f"{folder}/password.{user}", encoding="ascii") as file:
        return file.read()


def call(method, path, body=None):
    request = urllib.request.Request(keystone + path, method=method)
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("X-Auth-Token", token)
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(request, data, timeout=20) as answer:
        content = answer.read()
        return answer.headers, json.loads(content) if content else None


def create(kind, **fields):
    return call("POST", f"/{kind}s", {kind: fields})[1][kind]["id"]


def login():
    identity = {"methods": ["password"], "password": {"user": {
        "name": "admin", "domain": {"id": "default"}, "password": password("admin")}}}
    scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
    headers, _ = call("POST", "/auth/tokens", {"auth": {"identity": identity, "scope": scope}})
    return headers["X-Subject-Token"]


token = login()
roles = {role["name"]: role["id"] for role in call("GET", "/roles")[1]["roles"]}
if "service" not in roles:  # the bootstrap makes it since 2023.2
    roles["service"] = create("role", name="service")
# Glance's own user validates the tokens of others, which takes the role admin;
# "service" is who may use Glance's newer API of locations, and the two others
# are what a tenant of a cloud is.
projects = {}
for project, user, wanted in (("service", "glance", ("admin",)),
                              ("demo", "terraform", ("member",)),
                              ("demo", "service", ("member", "service")),
                              ("other", "other", ("member",))):
    if project not in projects:
        projects[project] = create("project", name=project, domain_id="default")
    user_id = create("user", name=user, domain_id="default", password=password(user))
    for role in wanted:
        call("PUT", f"/projects/{projects[project]}/users/{user_id}/roles/{roles[role]}")

service_id = create("service", type="image", name="glance")
for interface in ("public", "internal", "admin"):
    create("endpoint", service_id=service_id, interface=interface, url=glance, region_id="RegionOne")
