// Written by docs/generate.py from the code: change that, and run `make docs`.
// Begins the replica set and makes Jazzaam's users, or brings them up to date. Safe to repeat.
// mongosh --username root … deploy/users.js, with a password for each user in the environment.
const users = [
  {
    "name": "jazzaam_app",
    "password": "JAZZAAM_APP_PASSWORD",
    "privileges": [
      {
        "resource": {
          "db": "",
          "collection": ""
        },
        "actions": [
          "find",
          "insert",
          "update",
          "remove",
          "createCollection",
          "createIndex",
          "dropIndex",
          "collMod",
          "changeStream",
          "listCollections",
          "listIndexes",
          "collStats",
          "dbStats",
          "killCursors"
        ]
      },
      {
        "resource": {
          "cluster": true
        },
        "actions": [
          "serverStatus"
        ]
      }
    ]
  },
  {
    "name": "jazzaam_relay",
    "password": "JAZZAAM_RELAY_PASSWORD",
    "privileges": [
      {
        "resource": {
          "db": "",
          "collection": "jobs"
        },
        "actions": [
          "find"
        ]
      }
    ]
  },
  {
    "name": "jazzaam_watcher",
    "password": "JAZZAAM_WATCHER_PASSWORD",
    "privileges": [
      {
        "resource": {
          "db": "",
          "collection": ""
        },
        "actions": [
          "find",
          "changeStream"
        ]
      }
    ]
  },
  {
    "name": "jazzaam_auditor",
    "password": "JAZZAAM_AUDITOR_PASSWORD",
    "privileges": [
      {
        "resource": {
          "db": "",
          "collection": "auditlogs"
        },
        "actions": [
          "find",
          "insert"
        ]
      }
    ]
  },
  {
    "name": "jazzaam_caretaker",
    "password": "JAZZAAM_CARETAKER_PASSWORD",
    "privileges": [
      {
        "resource": {
          "db": "",
          "collection": ""
        },
        "actions": [
          "find",
          "insert",
          "update",
          "remove",
          "createCollection",
          "createIndex",
          "dropIndex",
          "collMod",
          "changeStream",
          "listCollections",
          "listIndexes",
          "collStats",
          "dbStats",
          "killCursors",
          "dropCollection",
          "dropDatabase"
        ]
      },
      {
        "resource": {
          "db": "admin",
          "collection": ""
        },
        "actions": [
          "dropUser",
          "dropRole",
          "viewUser",
          "viewRole"
        ]
      },
      {
        "resource": {
          "cluster": true
        },
        "actions": [
          "listDatabases",
          "serverStatus"
        ]
      }
    ]
  },
  {
    "name": "jazzaam_operator",
    "password": "JAZZAAM_OPERATOR_PASSWORD",
    "privileges": [
      {
        "resource": {
          "db": "",
          "collection": ""
        },
        "actions": [
          "find",
          "insert",
          "update",
          "remove",
          "createCollection",
          "createIndex",
          "dropIndex",
          "collMod",
          "changeStream",
          "listCollections",
          "listIndexes",
          "collStats",
          "dbStats",
          "killCursors",
          "dropCollection",
          "dropDatabase",
          "renameCollectionSameDB",
          "bypassDocumentValidation",
          "dbHash",
          "grantRole",
          "revokeRole"
        ]
      },
      {
        "resource": {
          "db": "admin",
          "collection": ""
        },
        "actions": [
          "createUser",
          "dropUser",
          "changePassword",
          "createRole",
          "dropRole",
          "viewUser",
          "viewRole"
        ]
      },
      {
        "resource": {
          "cluster": true
        },
        "actions": [
          "listDatabases",
          "serverStatus"
        ]
      }
    ]
  }
];

try {
  if (db.hello().msg !== "isdbgrid") rs.status(); // a mongos has no replica set of its own
} catch (notYet) {
  rs.initiate({ _id: "jazzaam", members: [{ _id: 0, host: process.env.MONGO_HOST || "mongo:27017" }] });
}
while (!db.hello().isWritablePrimary) sleep(200);

const admin = db.getSiblingDB("admin");
for (const user of users) {
  const password = process.env[user.password];
  if (!password) throw new Error(`${user.password} is not set`);
  const role = { privileges: user.privileges, roles: [] };
  if (admin.getRole(user.name)) admin.updateRole(user.name, role);
  else admin.createRole({ role: user.name, ...role });
  const known = { pwd: password, roles: [user.name] };
  if (admin.getUser(user.name)) admin.updateUser(user.name, known);
  else admin.createUser({ user: user.name, ...known });
}
