"""A small use of the client that is generated from the document: it has to type-check, and to work."""

import os

from restage_client import AuthenticatedClient
from restage_client.api.workshops import create_workshop, get_workshop
from restage_client.models import NewWorkshop, Problem, Workshop


def main() -> None:
    client = AuthenticatedClient(base_url=os.environ["RESTAGE_URL"], token=os.environ["RESTAGE_TOKEN"])
    created = create_workshop.sync(client=client, body=NewWorkshop(id="generated", title="Bicycles"))
    assert created is not None and not isinstance(created, Problem), created
    found = get_workshop.sync("generated", client=client)
    assert isinstance(found, Workshop), found
    assert found.title == "Bicycles"
    missing = get_workshop.sync("nobody", client=client)
    assert isinstance(missing, Problem) and missing.code == "not_found", missing
    print("made and found:", found.id)


if __name__ == "__main__":
    main()
